"""Scores of every head of one model, each beside its null baseline."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from torch import Tensor, nn

from tuneformer.analysis.attention.batch import MeasuredBatch
from tuneformer.analysis.attention.copying import copying_scores
from tuneformer.measures import registry
from tuneformer.measures.attention_shares import HeadScore, uniform_attention
from tuneformer.measures.head_importance import importance_by_ablation, importance_by_gradient
from tuneformer.measures.head_outputs import output_similarity
from tuneformer.measures.head_scores import head_scores, scores_of, tokens_by_stack
from tuneformer.measures.induction import prefix_matching
from tuneformer.measures.null_baselines import with_random_weights
from tuneformer.measures.probe import Probe, probe
from tuneformer.measures.snapshot import as_array
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.decoder import Decoder
from tuneformer.models.hf.causal import HuggingFaceDecoder
from tuneformer.runs.probe_files import Site

SITE_SCORES = dict[AttentionSite, HeadScore]
REPEATED_SEQUENCES = 8
MOST_REPEATED = 64
NEXT_TOKEN = (Decoder, HuggingFaceDecoder)
NULL_SEED = 0
NUMBERS_AT_ONCE = 1 << 12
"""Tokens of one pass in which heads are taken out: a small model takes as long for fewer."""
CHANCE_EXAMPLES = 4
"""Examples that tell how little the loss of a model that has learnt nothing changes without a head."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One measure: for each module a number for each head, and what it would be by chance."""

    values: Mapping[Site, NDArray[np.float32]]
    null: Mapping[Site, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class HeadScores:
    """All measures of all heads.

    Attributes:
        scores: by the key in `measures.registry`.
        loss: of the examples, with all heads; None where it is not known what the model shall answer.
        n_repeated: tokens of one copy, in prefix matching on random tokens; None where it was not measured.
    """

    scores: Mapping[str, Score]
    loss: float | None
    n_repeated: int | None

    def loss_without(self, site: Site, head: int) -> float | None:
        """The loss with zero in place of a head; None where it is not known."""
        ablation = self.scores.get(registry.ABLATION.key)
        if self.loss is None or ablation is None or site not in ablation.values:
            return None
        return self.loss + float(ablation.values[site][head])


def score_heads(model: nn.Module, batch: MeasuredBatch, progress: Progress) -> HeadScores:
    """Every measure that makes sense for the model, on these examples; `progress` shows how far it is.

    Null baselines are those of `measures.registry`: uniform attention under the same mask, the same model
    with its weights drawn anew, or what is known in closed form.
    """
    seen = probe(model, batch.inputs)
    unlearned = with_random_weights(model, seed=NULL_SEED)
    scores = _of_maps(seen, batch, probe(unlearned, batch.inputs))
    n_repeated = _n_repeated(model)
    if n_repeated is not None:
        scores[registry.PREFIX_MATCHING_RANDOM.key] = _on_repeated_tokens(model, n=n_repeated)
    if (copying := copying_scores(model)) is not None:
        scores[registry.COPYING.key] = _score(
            copying, {site: torch.zeros_like(x) for site, x in copying.items()}
        )
    if seen.heads:
        alike = {site: _likeness(outputs) for site, outputs in seen.heads.items()}
        scores[registry.SIMILARITY.key] = _score(
            alike, {site: torch.zeros_like(x) for site, x in alike.items()}
        )
    loss = None
    if batch.targets is not None and seen.heads:
        with torch.no_grad():
            loss = float(batch.losses(model).mean())
        scores[registry.IMPORTANCE.key] = _score(
            *(importance_by_gradient(each, partial(batch.losses, each)) for each in (model, unlearned))
        )
        scores[registry.ABLATION.key] = _score(
            _ablation(model, batch, progress, "the loss without each head"),
            _ablation(unlearned, batch.some(CHANCE_EXAMPLES), progress, "the same by chance"),
        )
    return HeadScores(scores=scores, loss=loss, n_repeated=n_repeated)


def _ablation(model: nn.Module, batch: MeasuredBatch, progress: Progress, what: str) -> SITE_SCORES:
    return importance_by_ablation(
        model,
        lambda copies: batch.losses(model, copies=copies),
        by="zero",
        at_once=max(1, NUMBERS_AT_ONCE // batch.n_numbers),
        track=lambda parts: progress.track(parts, description=what),
    )


def _of_maps(seen: Probe, batch: MeasuredBatch, unlearned: Probe) -> dict[str, Score]:
    tokens = tokens_by_stack(batch.inputs)
    values: dict[str, SITE_SCORES] = {}
    null: dict[str, SITE_SCORES] = {}
    measured, random = scores_of(seen, batch.inputs), scores_of(unlearned, batch.inputs)
    for site, found in seen.attention.items():
        uniform = replace(found, weights=uniform_attention(found.allowed, found.weights), logits=None)
        by_chance = head_scores(site, uniform, tokens.get(site.stack))
        for measure, score in measured[site].items():
            values.setdefault(measure, {})[site] = score
            null.setdefault(measure, {})[site] = by_chance.get(measure, random[site][measure])
    return {measure: _score(values[measure], null[measure]) for measure in values}


def _n_repeated(model: nn.Module) -> int | None:
    """Tokens of one copy: a decoder of tokens with room for two copies of at least two."""
    if not isinstance(model, NEXT_TOKEN) or model.context_length < 4 or model.vocab_size < 2:
        return None
    return min(MOST_REPEATED, model.context_length // 2, model.vocab_size)


def _on_repeated_tokens(model: nn.Module, *, n: int) -> Score:
    """Prefix matching on different random tokens, the same again behind them."""
    assert isinstance(model, NEXT_TOKEN)
    generator = torch.Generator().manual_seed(NULL_SEED)
    rows = [torch.randperm(model.vocab_size, generator=generator)[:n] for _ in range(REPEATED_SEQUENCES)]
    tokens = torch.stack(rows).repeat(1, 2)
    seen = probe(model, (tokens.to(next(model.parameters()).device),)).attention
    return _score(
        {site: prefix_matching(found.weights, n=n) for site, found in seen.items()},
        {
            site: prefix_matching(uniform_attention(found.allowed, found.weights), n=n)
            for site, found in seen.items()
        },
    )


def _likeness(outputs: Tensor) -> HeadScore:
    """Mean cosine of the output of each head with those of the others; NaN for an only head."""
    alike = output_similarity(outputs)
    n = len(alike)
    return (alike.sum(dim=1) - alike.diagonal()) / (n - 1) if n > 1 else torch.full((1,), float("nan"))


def _score(values: Mapping[AttentionSite, Tensor], null: Mapping[AttentionSite, Tensor]) -> Score:
    return Score(
        values={site: as_array(value) for site, value in values.items()},
        null={site: as_array(null[site]) for site in values},
    )
