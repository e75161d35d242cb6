"""The likeliest targets of a model that turns one sequence into another."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tuneformer.models.sequence_to_sequence import SequenceToSequence

NEVER = float("-inf")


def length_normaliser(length: int, alpha: float) -> float:
    """lp(Y) = ((5 + |Y|) / 6)^alpha, by which log p(Y | X) is divided (Wu et al., 1609.08144, eq. 14)."""
    return ((5 + length) / 6) ** alpha


def token_limits(visible: Bool[Tensor, "batch source"], max_tokens: int) -> Int[Tensor, " batch"]:
    """Return how many tokens a target may have: 2 |X| + 10, at most `max_tokens`.

    It depends on the source alone, not on its batch; a model that does not end yet costs no more.
    """
    return (2 * visible.sum(dim=1) + 10).clamp(max=max_tokens)


def search(
    model: SequenceToSequence,
    source: Int[Tensor, "batch source"],
    visible: Bool[Tensor, "batch source"],
    *,
    boundary: int,
    max_tokens: int,
    beam_size: int,
    length_penalty: float,
) -> list[list[int]]:
    """Return greedy_search for a beam of one, else beam_search."""
    if beam_size == 1:
        return greedy_search(model, source, visible, boundary=boundary, max_tokens=max_tokens)
    return beam_search(
        model,
        source,
        visible,
        boundary=boundary,
        max_tokens=max_tokens,
        beam_size=beam_size,
        length_penalty=length_penalty,
    )


@torch.no_grad()
def greedy_search(
    model: SequenceToSequence,
    source: Int[Tensor, "batch source"],
    visible: Bool[Tensor, "batch source"],
    *,
    boundary: int,
    max_tokens: int,
) -> list[list[int]]:
    """Return for each source the tokens that are likeliest one by one, up to the boundary or its limit."""
    state = model.begin(source, visible)
    token = source.new_full((len(source),), boundary)
    ended = torch.zeros_like(token, dtype=torch.bool)
    limits = token_limits(visible, max_tokens)
    written: list[Tensor] = []
    for length in range(1, int(limits.max()) + 1):
        token = torch.where(ended, boundary, model.advance(token, state).argmax(dim=-1))
        written.append(token)
        ended = ended | (token == boundary) | (limits == length)
        if bool(ended.all()):
            break
    return [up_to(row, boundary) for row in torch.stack(written, dim=1).tolist()]


@torch.no_grad()
def beam_search(
    model: SequenceToSequence,
    source: Int[Tensor, "batch source"],
    visible: Bool[Tensor, "batch source"],
    *,
    boundary: int,
    max_tokens: int,
    beam_size: int,
    length_penalty: float,
) -> list[list[int]]:
    """Return for each source the target of highest log p(Y | X) / lp(Y) that the search meets.

    At each step the `beam_size` likeliest unfinished targets go on, and of their 2 beam_size likeliest
    continuations those that end are finished; |Y| counts the boundary. A source is done once `beam_size`
    targets have ended or are as long as may be; if none has ended by then, the likeliest unfinished one is
    returned. The score: Wu et al., arXiv 1609.08144, equation 14, without its coverage.
    """
    n_sources = len(source)
    state = model.begin(source, visible)
    state.select(torch.arange(n_sources, device=source.device).repeat_interleave(beam_size))
    limits = token_limits(visible, max_tokens)
    beams = Beams(n_sources, beam_size=beam_size, boundary=boundary, like=source)
    for length in range(1, int(limits.max()) + 1):
        log_p = model.advance(beams.last, state).float().log_softmax(dim=-1)
        lp = length_normaliser(length, length_penalty)
        state.select(beams.extend(log_p, lp=lp, is_last=limits == length))
        if beams.done:
            break
    return [up_to(row, boundary) for row in beams.best().tolist()]


def up_to(tokens: list[int], boundary: int) -> list[int]:
    """The tokens before the first boundary."""
    return tokens[: tokens.index(boundary)] if boundary in tokens else tokens


class Beams:
    """The unfinished targets of every source, and the best finished ones."""

    def __init__(self, n_sources: int, *, beam_size: int, boundary: int, like: Tensor) -> None:
        self.n_sources, self.size, self.boundary = n_sources, beam_size, boundary
        self.written = like.new_empty(n_sources, beam_size, 0)
        # at first there is one target, the empty one: its copies must not fill the beam
        self.log_p = torch.full((n_sources, beam_size), NEVER, device=like.device)
        self.log_p[:, 0] = 0.0
        self.finished = like.new_full((n_sources, beam_size, 0), boundary)
        self.scores = torch.full((n_sources, beam_size), NEVER, device=like.device)
        self.n_ended = like.new_zeros(n_sources)
        self.last = like.new_full((n_sources * beam_size,), boundary)

    def extend(
        self, log_p: Float[Tensor, "beam vocab"], *, lp: float, is_last: Bool[Tensor, " source"]
    ) -> Int[Tensor, " beam"]:
        """Go on by one token; return for each unfinished target the row of the one it continues.

        `is_last`: of which sources targets may become no longer.
        """
        n_vocab = log_p.shape[1]
        total = (self.log_p.view(-1, 1) + log_p).view(self.n_sources, -1)  # (S, K V)
        likeliest, chosen = total.topk(min(2 * self.size, total.shape[1]), dim=1)
        parent, token = chosen // n_vocab, chosen % n_vocab
        history = self.written.gather(1, parent.unsqueeze(-1).expand(-1, -1, self.written.shape[2]))
        longer = torch.cat((history, token.unsqueeze(-1)), dim=2)  # (S, 2K, T)
        ends = token == self.boundary
        # a source that is done takes no more, so that it does not matter which others are in its batch
        counts = ends & (likeliest > NEVER) & (self.n_ended < self.size).unsqueeze(1)
        self._finish(longer, torch.where(counts, likeliest / lp, NEVER))
        self.n_ended += counts.sum(dim=1)
        self.log_p, kept = torch.where(ends, NEVER, likeliest).topk(self.size, dim=1)
        self.written = longer.gather(1, kept.unsqueeze(-1).expand(-1, -1, longer.shape[2]))
        self.last = self.written[:, :, -1].flatten()
        cut = (is_last & (self.n_ended == 0)).unsqueeze(1)
        self._finish(self.written, torch.where(cut, self.log_p / lp, NEVER))
        self.n_ended = torch.where(is_last, self.size, self.n_ended)
        first_row = torch.arange(self.n_sources, device=chosen.device).unsqueeze(1) * self.size
        return (first_row + parent.gather(1, kept)).flatten()

    @property
    def done(self) -> bool:
        """Whether of every source as many targets have ended as there are beams, or none can go on."""
        stuck = (self.log_p == NEVER).all(dim=1)
        return bool(((self.n_ended >= self.size) | stuck).all())

    def best(self) -> Int[Tensor, "source time"]:
        """The best finished target of each source."""
        return self.finished[:, 0]

    def _finish(self, targets: Int[Tensor, "source new time"], scores: Float[Tensor, "source new"]) -> None:
        longer_by = targets.shape[2] - self.finished.shape[2]
        padded = torch.nn.functional.pad(self.finished, (0, longer_by), value=self.boundary)
        every, order = torch.cat((self.scores, scores), dim=1).topk(self.size, dim=1)
        both = torch.cat((padded, targets), dim=1)
        self.scores = every
        self.finished = both.gather(1, order.unsqueeze(-1).expand(-1, -1, both.shape[2]))
