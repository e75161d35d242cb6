"""What was seen of a model as a snapshot of probes/."""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor, nn

from tuneformer.measures.attention_shares import HeadScore
from tuneformer.measures.head_outputs import norm_weighted
from tuneformer.measures.probe import Probe
from tuneformer.models.attention.explicit import SeenAttention, WatchedHeads
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.runs.probe_files import ProbeSnapshot, Site


def snapshot_of(
    step: int,
    model: nn.Module,
    inputs: Sequence[Tensor | None],
    seen: Probe,
    scores: Mapping[AttentionSite, Mapping[str, HeadScore]],
    streams: Mapping[str, Mapping[str, list[float]]],
) -> ProbeSnapshot:
    """The maps of the first example, and the scores of all of them."""
    outputs = _plain_outputs(model)
    attention = seen.attention
    heads: dict[str, dict[Site, np.ndarray]] = {}
    for site, measured in scores.items():
        for measure, score in measured.items():
            heads.setdefault(measure, {})[site] = as_array(score)
    return ProbeSnapshot(
        step=step,
        weights={site: as_array(found.weights[0]) for site, found in attention.items()},
        normed={
            site: as_array(norm_weighted(found.weights[:1], found.values[:1], outputs[site])[0])
            for site, found in attention.items()
            if site in outputs
        },
        allowed={
            site: _allowed_in_first(found) for site, found in attention.items() if found.allowed is not None
        },
        inputs={i: as_array(x[:1]) for i, x in enumerate(inputs) if x is not None},
        heads=heads,
        streams={
            measure: {stack: np.asarray(values, dtype=np.float32) for stack, values in stacks.items()}
            for measure, stacks in streams.items()
        },
    )


def _plain_outputs(model: nn.Module) -> dict[AttentionSite, Tensor]:
    """The output matrices of modules that neither norm nor gate their heads before it."""
    shells = [module for module in model.modules() if isinstance(module, WatchedHeads)]
    return {shell.site: shell.output_weight.detach() for shell in shells if shell.heads_are_plain}


def _allowed_in_first(found: SeenAttention) -> np.ndarray:
    """Which keys a query of the first example may see, by any of its heads."""
    assert found.allowed is not None
    allowed = found.allowed
    if allowed.dim() == 4:
        allowed = allowed[0].any(dim=0)
    elif allowed.dim() == 3:
        allowed = allowed[0]
    return as_array(allowed.expand(found.weights.shape[2:]))


def as_array(x: Tensor) -> np.ndarray:
    """The numbers on the CPU: in float32 where they are real."""
    return (x.detach().float() if x.is_floating_point() else x.detach()).cpu().numpy()
