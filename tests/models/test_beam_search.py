from dataclasses import dataclass
from itertools import product

import pytest
import torch
from torch import Tensor

from tests.models.families import randomised, small_model
from tests.models.sequence_pairs import SOURCE, VISIBLE
from tuneformer.models.beam_search import beam_search, greedy_search, length_normaliser, search
from tuneformer.models.sequence_to_sequence import DecodingState, SequenceToSequence

pytestmark = pytest.mark.fast

END, N_VOCAB, MAX = 3, 4, 4


@dataclass(kw_only=True)
class Prefixes(DecodingState):
    """For each row the source's number and what has been written."""

    rows: list[tuple[int, ...]]

    def select(self, rows: Tensor) -> None:
        self.rows = [self.rows[int(row)] for row in rows]


class Table(SequenceToSequence):
    """A distribution of its own, drawn at random, for every source and every beginning of a target."""

    def log_p(self, row: tuple[int, ...]) -> Tensor:
        generator = torch.Generator().manual_seed(hash(row) % 2**31)
        return (1.5 * torch.randn(N_VOCAB, generator=generator)).log_softmax(0)

    def begin(self, source: Tensor, visible: Tensor) -> Prefixes:
        return Prefixes(rows=[(int(number),) for number in source[:, 0]])

    def advance(self, tokens: Tensor, state: DecodingState) -> Tensor:
        assert isinstance(state, Prefixes)
        state.rows = [(*row, int(token)) for row, token in zip(state.rows, tokens, strict=True)]
        return torch.stack([self.log_p(row) for row in state.rows])

    def forward(self, source: Tensor, visible: Tensor, target: Tensor) -> Tensor:
        raise AssertionError("a search goes step by step")


def score_of(source: int, target: tuple[int, ...], alpha: float) -> float:
    """log p(target, end) / lp by the chain rule."""
    total, row = 0.0, (source, END)
    for token in (*target, END):
        total += float(Table().log_p(row)[token])
        row = (*row, token)
    return total / ((5 + len(target) + 1) / 6) ** alpha


def all_targets() -> list[tuple[int, ...]]:
    return [target for n in range(MAX) for target in product(range(END), repeat=n)]


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_a_beam_that_holds_everything_finds_the_best_of_all_targets(alpha: float) -> None:
    sources = torch.arange(12).unsqueeze(1)
    found = beam_search(
        Table(),
        sources,
        torch.ones_like(sources).bool(),
        boundary=END,
        max_tokens=MAX,
        beam_size=N_VOCAB**MAX,
        length_penalty=alpha,
    )
    best = [max(all_targets(), key=lambda target: score_of(source, target, alpha)) for source in range(12)]
    assert [tuple(target) for target in found] == best
    assert len({len(target) for target in best}) > 1


def test_a_larger_penalty_of_shortness_gives_longer_targets() -> None:
    lengths = {
        alpha: sum(
            len(max(all_targets(), key=lambda target: score_of(source, target, alpha)))
            for source in range(40)
        )
        for alpha in (0.0, 0.6, 2.0)
    }
    assert lengths[0.0] < lengths[0.6] < lengths[2.0]


def beams_one_by_one(source: int, *, size: int, alpha: float) -> tuple[int, ...]:
    """The search as its docstring tells it, for one source in plain lists."""
    alive: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    ended: list[tuple[float, tuple[int, ...]]] = []
    for length in range(1, MAX + 1):
        longer = [
            (log_p + float(Table().log_p((source, END, *target))[token]), (*target, token))
            for log_p, target in alive
            for token in range(N_VOCAB)
        ]
        likeliest = sorted(longer, reverse=True)[: 2 * size]
        lp = ((5 + length) / 6) ** alpha
        ended += [(log_p / lp, target[:-1]) for log_p, target in likeliest if target[-1] == END]
        alive = [entry for entry in likeliest if entry[1][-1] != END][:size]
        if len(ended) >= size:
            break
    return max(ended)[1] if ended else alive[0][1]


@pytest.mark.parametrize("size", [2, 3])
def test_a_small_beam_is_the_search_of_its_docstring(size: int) -> None:
    for source in range(30):
        found = beam_search(
            Table(),
            torch.tensor([[source]]),
            torch.ones(1, 1).bool(),
            boundary=END,
            max_tokens=MAX,
            beam_size=size,
            length_penalty=0.6,
        )
        assert tuple(found[0]) == beams_one_by_one(source, size=size, alpha=0.6)


def test_greedy_takes_the_likeliest_token_each_time() -> None:
    sources = torch.arange(30).unsqueeze(1)
    visible = torch.ones_like(sources).bool()
    found = greedy_search(Table(), sources, visible, boundary=END, max_tokens=MAX)
    for source, target in enumerate(found):
        row: tuple[int, ...] = (source, END)
        while len(row) < MAX + 2 and (token := int(Table().log_p(row).argmax())) != END:
            row = (*row, token)
        assert tuple(target) == row[2:]


@pytest.mark.parametrize("family", ["encoder_decoder", "lstm", "lstm_attention"])
def test_a_batch_is_searched_as_each_source_alone(family: str) -> None:
    model = randomised(small_model(family, n_layers=1))
    with torch.no_grad():
        model.token_embedding.weight.mul_(0.4)  # flatter distributions: targets of several lengths

    def found(source: Tensor, visible: Tensor, boundary: int) -> list[list[int]]:
        return beam_search(
            model,
            source,
            visible,
            boundary=boundary,
            max_tokens=8,
            beam_size=3,
            length_penalty=0.6,
        )

    lengths = set()
    for boundary in (1, 4, 8):
        alone = [
            found(SOURCE[row : row + 1, :n], VISIBLE[row : row + 1, :n], boundary)[0]
            for row, n in enumerate((7, 4, 1))
        ]
        together = found(SOURCE, VISIBLE, boundary)
        assert together == alone
        lengths |= {len(target) for target in together}
    assert len(lengths) > 1


class NeverEnds(Table):
    """The same, but for the boundary, which is impossible."""

    def log_p(self, row: tuple[int, ...]) -> Tensor:
        log_p = super().log_p(row)
        log_p[END] = float("-inf")
        return log_p


def test_a_target_has_no_more_tokens_than_its_source_allows() -> None:
    for beam_size in (1, 3):
        found = search(
            NeverEnds(),
            SOURCE,
            VISIBLE,
            boundary=END,
            max_tokens=20,
            beam_size=beam_size,
            length_penalty=0.6,
        )
        assert [len(target) for target in found] == [20, 2 * 4 + 10, 2 * 1 + 10]


def test_the_normaliser_is_that_of_the_paper() -> None:
    assert length_normaliser(1, 0.6) == 1.0
    assert length_normaliser(7, 1.0) == pytest.approx(2.0)
    assert length_normaliser(40, 0.0) == 1.0
