"""Rules on what heads do, as measured on the probe batch."""

import numpy as np

from tuneformer.analysis.diagnosis.evidence import Evidence
from tuneformer.analysis.diagnosis.finding import Finding
from tuneformer.analysis.diagnosis.onset import onset
from tuneformer.analysis.diagnosis.overrides import Candidate, first_that_changes, lower_rate
from tuneformer.measures.registry import (
    DEAD_IMPORTANCE,
    ENTROPY,
    IMPORTANCE,
    LARGEST_LOGIT,
    SINK_RATE,
    SINK_THRESHOLD,
)

# Of log(visible keys), mean over the heads of a layer. Folklore: 2303.06296 shows the collapse, and names no
# number.
LEAST_ENTROPY = 0.05
CLIPPED_LOGIT = 100.0  # tau of QK-clip (2507.20534)
LARGEST_SINK_SHARE = 0.5  # our own: half of all heads
DEAD_BESIDE_OTHERS = 0.01  # of the most important head's: where the loss is nearly 0 all gradients are small


def entropy_collapse(evidence: Evidence) -> Finding | None:
    """All heads of a layer together attend almost one key each."""
    for layer, names in _by_layer(evidence).items():
        steps, entropy = evidence.table(names)
        mean = entropy.mean(axis=1)
        began = onset(mean < LEAST_ENTROPY)
        if began is not None:
            return Finding(
                rule="entropy_collapse",
                severity="error" if evidence.diverged else "warning",
                since=int(steps[began]),
                measured=float(mean[-1]),
                threshold=LEAST_ENTROPY,
                baseline=1.0,
                evidence=f"attention of layer {layer} has an entropy of {mean[-1]:.3f} of the largest"
                f" (below {LEAST_ENTROPY:g}; uniform attention has 1)",
                why="training becomes unstable as entropy collapses (2303.06296); a task that asks for one"
                " key (copying) may want it",
                override=first_that_changes(evidence, *_bounded_logits(evidence)),
            )
    return None


def logit_blow_up(evidence: Evidence) -> Finding | None:
    """The largest attention logit of some head stays above a hundred."""
    names = evidence.names(LARGEST_LOGIT.columns)
    steps, logits = evidence.table(names)
    largest = logits.max(axis=1)
    began = onset(largest > CLIPPED_LOGIT)
    if began is None:
        return None
    head = names[int(np.argmax(logits[-1]))].split("/")[1]
    return Finding(
        rule="logit_blow_up",
        severity="error" if evidence.diverged else "warning",
        since=int(steps[began]),
        measured=float(largest[-1]),
        threshold=CLIPPED_LOGIT,
        baseline=float(largest[0]),
        evidence=f"the largest logit of head {head} is {largest[-1]:.4g} (above {CLIPPED_LOGIT:g};"
        f" {largest[0]:.3g} at the first row)",
        why="softmax saturates, its gradient vanishes, and large models diverge (2309.14322; 2507.20534)",
        override=first_that_changes(evidence, *_bounded_logits(evidence)),
    )


def attention_sinks(evidence: Evidence) -> Finding | None:
    """More than half of the heads give more than 0.3 of their attention to the first key."""
    length = evidence.number("data.context_length")
    uniform = float((1 / np.arange(1, length + 1)).mean()) if length >= 1 else np.nan
    steps, rates = evidence.table(evidence.names(SINK_RATE.columns))
    share = (rates > SINK_THRESHOLD).mean(axis=1)
    began = onset(share > LARGEST_SINK_SHARE)
    if began is None or uniform > SINK_THRESHOLD:  # short rows: uniform attention is above it as well
        return None
    return Finding(
        rule="attention_sinks",
        severity="info",
        since=int(steps[began]),
        measured=float(share[-1]),
        threshold=LARGEST_SINK_SHARE,
        baseline=uniform,
        evidence=f"{share[-1]:.0%} of the heads give the first key more than {SINK_THRESHOLD:g} (above"
        f" {LARGEST_SINK_SHARE:.0%}; uniform attention gives it {uniform:.3f})",
        why="heads with nothing to do rest on the first key: harmless for the loss, but it makes outliers"
        " that quantisation and windows stumble over (2410.10781)",
        override=first_that_changes(evidence, ("attention", "learned_sink")),
    )


def dead_heads(evidence: Evidence) -> Finding | None:
    """Heads whose ablation leaves the loss as it is, to the end of the run."""
    names = evidence.names(IMPORTANCE.columns)
    steps, importance = evidence.table(names)
    largest = np.abs(importance).max(axis=1, keepdims=True)
    dead = np.abs(importance) < np.minimum(DEAD_IMPORTANCE, DEAD_BESIDE_OTHERS * largest)
    began = {index: onset(dead[:, index]) for index in range(len(names))}
    found = [index for index, first in began.items() if first is not None]
    if not found:
        return None
    heads = ", ".join(names[index].split("/")[1] for index in found[:5])
    half = evidence.number("model.n_heads") // 2
    fewer: list[Candidate] = [("model.n_heads", int(half))] if 2 * len(found) >= len(names) and half else []
    return Finding(
        rule="dead_heads",
        severity="warning" if fewer else "info",
        since=int(min(steps[began[index] or 0] for index in found)),
        measured=float(np.abs(importance[-1, found]).max()),
        threshold=DEAD_IMPORTANCE,
        baseline=float(np.median(np.abs(importance[-1]))),
        evidence=f"{len(found)} of {len(names)} heads can be ablated without a change of the loss (below"
        f" {DEAD_IMPORTANCE:g} nats; median {np.median(np.abs(importance[-1])):.2g}): {heads}",
        why="their parameters and time are spent for nothing (1905.10650)",
        override=first_that_changes(evidence, *fewer),
    )


def _bounded_logits(evidence: Evidence) -> list[Candidate]:
    if evidence.setting("attention.qk_norm") is True or evidence.setting("attention.cosine") is True:
        return [lower_rate(evidence)]
    return [("attention.qk_norm", True), ("attention.logit_soft_cap", 50.0), lower_rate(evidence)]


def _by_layer(evidence: Evidence) -> dict[str, list[str]]:
    layers: dict[str, list[str]] = {}
    for name in evidence.names(ENTROPY.columns):
        layers.setdefault(name.split("/")[1].rpartition(".")[0], []).append(name)
    return layers
