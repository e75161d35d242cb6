"""Rules on weight decay and on data seen again and again."""

import numpy as np

from tuneformer.analysis.diagnosis.evidence import Evidence
from tuneformer.analysis.diagnosis.finding import Finding
from tuneformer.analysis.diagnosis.overrides import divided, first_that_changes
from tuneformer.measures.registry import WEIGHT_NORM

LARGEST_GAP = 0.1  # validation over training loss, less 1: our own
LEAST_GAP = 0.05  # nats: our own
LARGEST_DECAY = 1.0  # sum of lr x weight decay over the run: decay alone would leave 1/e of the weights
DECAYING_KINDS = ("own", "decoupled", "cautious")
LARGEST_REPEATS = 4.0  # epochs that are nearly as good as new data (2305.16264)


def weight_decay_absent(evidence: Evidence) -> Finding | None:
    """No weight decays, and the loss on validation is far above that on training."""
    decays = [evidence.curve(name).values for name in evidence.names("weight_decay/*")]
    val, train = evidence.curve("val/loss"), evidence.curve("train/loss")
    last, trained = float(val.values[-1]), float(np.median(train.values[-3:]))
    gap = (last - trained) / max(trained, 1e-12)
    if any(decay.any() for decay in decays) or gap < LARGEST_GAP or last - trained < LEAST_GAP:
        return None
    own = evidence.setting("param_groups.weight_decay_kind") == "own"
    decoupled = (
        " param_groups.weight_decay_kind=decoupled" if own and evidence.target("optimizer") != "AdamW" else ""
    )
    decay = first_that_changes(evidence, ("optimizer.weight_decay", 0.1))
    return Finding(
        rule="weight_decay_absent",
        severity="warning",
        since=int(val.steps[-1]),
        measured=last - trained,
        threshold=max(LEAST_GAP, LARGEST_GAP * trained),
        baseline=0.0,
        evidence=f"no group decays, and val/loss ends {last - trained:.3g} above train/loss (more than"
        f" {LARGEST_GAP:.0%} of it)",
        why="decay narrows the gap where data are few (1711.05101), and is 0.1 in most recipes (2005.14165)",
        override=None if decay is None else decay + decoupled,
    )


def weight_decay_too_strong(evidence: Evidence) -> Finding | None:
    """Decay alone would take the weights below 1/e, and they do end smaller than they began."""
    kind = evidence.setting("param_groups.weight_decay_kind")
    for name in evidence.names(WEIGHT_NORM.columns):
        group, norm = name.split("/")[1], evidence.curve(name)
        rate, decay = evidence.curve(f"lr/{group}"), evidence.curve(f"weight_decay/{group}")
        if kind not in DECAYING_KINDS or not len(rate) or len(rate) != len(decay):
            continue
        total = float((rate.values * decay.values).mean()) * evidence.last_step
        if total > LARGEST_DECAY and norm.values[-1] < norm.values[0]:
            return Finding(
                rule="weight_decay_too_strong",
                severity="warning",
                since=int(norm.steps[np.argmax(norm.values < norm.values[0])]),
                measured=total,
                threshold=LARGEST_DECAY,
                baseline=float(norm.values[-1] / norm.values[0]),
                evidence=f"lr x weight decay of {group} sums to {total:.2g} over the run"
                f" (above {LARGEST_DECAY:g}), and their norm falls to"
                f" {norm.values[-1] / norm.values[0]:.2f} of the first",
                why="weights are an average of the updates of the last 1 / (lr x decay) steps (2405.13698):"
                " what was learned before is forgotten",
                override=first_that_changes(
                    evidence,
                    ("optimizer.weight_decay", divided(evidence.number("optimizer.weight_decay"), 10)),
                ),
            )
    return None


def data_repeated(evidence: Evidence) -> Finding | None:
    """Training data were seen more than four times."""
    epochs = evidence.record.epochs
    if epochs is None or epochs <= LARGEST_REPEATS:
        return None
    return Finding(
        rule="data_repeated",
        severity="info",
        since=int(evidence.last_step * LARGEST_REPEATS / epochs),
        measured=float(epochs),
        threshold=LARGEST_REPEATS,
        baseline=1.0,
        evidence=f"training data were seen {epochs:.1f} times (more than {LARGEST_REPEATS:g})",
        why="four epochs are nearly as good as new data, after that each is worth less (2305.16264)",
        override=first_that_changes(
            evidence, *([("model.dropout", 0.1)] if evidence.number("model.dropout") < 0.1 else [])
        ),
    )
