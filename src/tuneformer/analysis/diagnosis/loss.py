"""Rules on the curves of the loss. Margins are in nats, the unit of every loss but regression's."""

import numpy as np

from tuneformer.analysis.diagnosis.evidence import Evidence
from tuneformer.analysis.diagnosis.finding import Finding
from tuneformer.analysis.diagnosis.onset import running_median
from tuneformer.analysis.diagnosis.overrides import divided, first_that_changes, lower_rate

NOTICEABLE = 0.02  # nats: the tolerance of a comparison
LARGEST_RISE = 0.05  # of the best validation loss. Our own
LOST_RISE = 0.5  # our own: the last weights are no result
LATE = 0.25  # the last quarter of a run
LARGEST_LATE_FALL = 0.05  # of the loss. Our own: healthy runs of 600 steps here fall by 1 to 4 %
SPIKE_WINDOW = 5  # rows
SPIKE_DEVIATIONS = 6.0  # of the robust standard deviation: our own
LEAST_SPIKE = 0.1  # of the loss before
SETTLED = 0.1  # of the run: what comes before is for warmup_too_short


def over_fitting(evidence: Evidence) -> Finding | None:
    """The validation loss ends above its lowest value while the training loss has gone on falling."""
    val, train = evidence.curve("val/loss"), evidence.curve("train/loss")
    best = int(np.argmin(val.values))
    lowest, last = float(val.values[best]), float(val.values[-1])
    rise = (last - lowest) / max(lowest, 1e-12)
    before, after = train.between(0, val.steps[best]), train.between(val.steps[best] + 1, np.inf)
    if rise < LARGEST_RISE or last - lowest < NOTICEABLE or not len(before) or not len(after):
        return None
    if np.median(after.values[-3:]) >= np.median(before.values[-3:]):
        return None
    return Finding(
        rule="over_fitting",
        severity="error" if rise > LOST_RISE else "warning",
        since=int(val.steps[best]),
        measured=rise,
        threshold=LARGEST_RISE,
        baseline=lowest,
        evidence=f"val/loss ends {rise:.1%} above its lowest, {lowest:.4g} at step {val.steps[best]:.0f}"
        f" (more than {LARGEST_RISE:.0%}), while train/loss falls on",
        why="the model learns its training data by heart; checkpoints/best.ckpt has the better weights",
        override=first_that_changes(
            evidence,
            *([("model.dropout", 0.1)] if evidence.number("model.dropout") < 0.1 else []),
            ("trainer.max_steps", int(val.steps[best])),
        ),
    )


def under_fitting(evidence: Evidence) -> Finding | None:
    """The loss still falls fast in the last quarter of a run that has ended."""
    train = evidence.curve("train/loss")
    start = evidence.max_steps * (1 - LATE)
    late = train.between(start, np.inf)
    if not evidence.finished or len(late) < 3:
        return None
    first, last = float(np.median(late.values[:3])), float(np.median(late.values[-3:]))
    fall = (first - last) / max(first, 1e-12)
    if fall < LARGEST_LATE_FALL or first - last < NOTICEABLE:
        return None
    return Finding(
        rule="under_fitting",
        severity="info",
        since=int(late.steps[0]),
        measured=fall,
        threshold=LARGEST_LATE_FALL,
        baseline=0.0,
        evidence=f"train/loss falls by {fall:.1%} in the last quarter of the run (more than"
        f" {LARGEST_LATE_FALL:.0%}), from {first:.4g} to {last:.4g}",
        why="the run ended before it had learned what it could: methods are compared by how fast they are"
        " here, not by where they arrive",
        override=first_that_changes(evidence, ("trainer.max_steps", 2 * evidence.max_steps)),
    )


def spikes(evidence: Evidence) -> Finding | None:
    """Single rows of the training loss far above those before them, after the first tenth of the run."""
    train = evidence.curve("train/loss")
    before = running_median(train.values, SPIKE_WINDOW)
    excess = train.values - before
    deviation = 1.4826 * float(np.nanmedian(np.abs(excess - np.nanmedian(excess))))
    margin = np.maximum(np.maximum(SPIKE_DEVIATIONS * deviation, LEAST_SPIKE * before), NOTICEABLE)
    high = (excess > margin) & (train.steps > SETTLED * evidence.max_steps)
    if not high.any():
        return None
    worst = int(np.argmax(np.where(high, excess, -np.inf)))
    return Finding(
        rule="spikes",
        severity="warning" if high.sum() > 1 or not evidence.finished else "info",
        since=int(train.steps[np.argmax(high)]),
        measured=float(excess[worst]),
        threshold=float(margin[worst]),
        baseline=float(before[worst]),
        evidence=f"train/loss jumps by {excess[worst]:.3g} at step {train.steps[worst]:.0f} (more than"
        f" {margin[worst]:.2g} above {before[worst]:.4g}, the median of {SPIKE_WINDOW} rows);"
        f" {high.sum()} such rows",
        why="each costs the steps that it takes to recover, and may be the beginning of divergence"
        " (2204.02311, section 5.1; 2304.13013)",
        override=first_that_changes(
            evidence,
            *([("trainer.gradient_clip_val", 1.0)] if np.isnan(_clip(evidence)) else []),
            lower_rate(evidence, 2.0),
        ),
    )


def evaluation_noise(evidence: Evidence) -> Finding | None:
    """The validation loss goes up and down by more than differences that a comparison is to show.

    The deviation of a value from the line through its neighbours has 1.5 times the variance of the noise.
    """
    val = evidence.curve("val/loss")
    late = val.between(evidence.max_steps / 2, np.inf).values
    if len(late) < 4:
        return None
    bend = late[1:-1] - (late[:-2] + late[2:]) / 2
    noise = float(np.sqrt(np.mean(bend**2) / 1.5))
    if noise < NOTICEABLE:
        return None
    return Finding(
        rule="evaluation_noise",
        severity="info",
        since=int(evidence.max_steps / 2),
        measured=noise,
        threshold=NOTICEABLE,
        baseline=0.0,
        evidence=f"val/loss goes up and down by {noise:.3g} nats from one validation to the next (more than"
        f" {NOTICEABLE:g}, the tolerance of a comparison)",
        why="smaller differences between two runs cannot be told from where they happened to stop",
        override=first_that_changes(
            evidence,
            ("callbacks", "ema"),
            ("scheduler.floor", divided(evidence.number("scheduler.floor"), 10)),
        ),
    )


def _clip(evidence: Evidence) -> float:
    return evidence.number("trainer.gradient_clip_val")
