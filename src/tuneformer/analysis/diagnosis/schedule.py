"""Rules on the learning rate and its schedule."""

import math

import numpy as np

from tuneformer.analysis.diagnosis.evidence import Evidence
from tuneformer.analysis.diagnosis.finding import Finding
from tuneformer.analysis.diagnosis.onset import LEAST_ROWS, smoothed
from tuneformer.analysis.diagnosis.overrides import Candidate, divided, first_that_changes, lower_rate
from tuneformer.config.callback_facts import averaging_callbacks
from tuneformer.measures.registry import UPDATE_RATIO

LARGEST_CLIMB = 1.05  # of the loss of the first row: our own
# norm(update) / norm(weights) x sqrt(step), median over the middle half of the run. t updates of independent
# directions add up to sqrt(t) of one, and give 1. Our own: best rates of AdamW, Muon, SOAP, Lion and SGD here
# have 0.06 to 0.16, thirty times AdamW's 0.27. That a plain ratio of 1e-3 be healthy is folklore.
LARGEST_WANDERING = 0.25
# Sum of update ratios over the run: below it the weights would not have moved by their own length if all
# updates had one direction. The best rate here reaches 4 in 300 steps, a thirtieth of it 0.5.
LEAST_TRAVEL = 1.0
EARLY = 0.2  # of the run
EARLY_RISE = 1.1  # loss over its lowest before, and 1.3 over that of a uniform guess: our own
ABOVE_UNIFORM = 1.3
LARGEST_END = 0.2  # last over peak rate: twice the floor that schedules have here
NO_COOLDOWN = 0.5  # as tuneformer.checks.lint


def lr_too_high(evidence: Evidence) -> Finding | None:
    """The run diverged, its loss climbed above where it began, or its updates wander."""
    return _diverged(evidence) or _climbed(evidence) or _wandering(evidence)


def lr_too_low(evidence: Evidence) -> Finding | None:
    """All updates of the run together are shorter than the weights."""
    travel = {}
    for name in evidence.names(UPDATE_RATIO.columns):
        curve = evidence.curve(name)
        if not name.endswith("norms_and_biases"):
            travel[name] = float(curve.values.mean()) * evidence.max_steps
    if not evidence.finished or not travel or max(travel.values()) >= LEAST_TRAVEL:
        return None
    name = max(travel, key=lambda each: travel[each])
    return Finding(
        rule="lr_too_low",
        severity="warning",
        since=int(evidence.curve(name).steps[0]),
        measured=travel[name],
        threshold=LEAST_TRAVEL,
        baseline=None,
        evidence=f"all updates of {name.split('/')[1]} together come to {travel[name]:.2g} of their"
        f" norm (below {LEAST_TRAVEL:g})",
        why="the weights end near where they were drawn: what was learned is what little they could reach",
        override=first_that_changes(
            evidence, ("optimizer.lr", divided(evidence.number("optimizer.lr"), 0.1))
        ),
    )


def warmup_too_short(evidence: Evidence) -> Finding | None:
    """The loss jumps early, and the warmup is shorter than Adam's second moment takes to settle."""
    enough = _steps_of_second_moment(evidence)
    train = evidence.curve("train/loss").between(0, EARLY * evidence.max_steps)
    warmup = evidence.warmup_steps
    if warmup is None or warmup >= enough or not len(train):
        return None
    lowest = np.minimum.accumulate(np.concatenate([[_uniform(evidence) * ABOVE_UNIFORM], train.values]))[:-1]
    allowed = np.concatenate([lowest[:1], EARLY_RISE * lowest[1:]])
    high = train.values > allowed
    if not high.any():
        return None
    at = int(np.argmax(high))
    return Finding(
        rule="warmup_too_short",
        severity="warning",
        since=int(train.steps[at]),
        measured=float(train.values[at]),
        threshold=float(allowed[at]),
        baseline=float(warmup),
        evidence=f"train/loss is {train.values[at]:.4g} at step {train.steps[at]:.0f}"
        f" (above {allowed[at]:.4g}), after {warmup} steps of warmup",
        why=f"the first updates are large while Adam's second moment settles: 2 / (1 - beta2) = {enough:.0f}"
        " steps of warmup are enough (1910.04209)",
        override=first_that_changes(
            evidence, ("scheduler.warmup", int(min(enough, max(evidence.max_steps // 5, 1))))
        ),
    )


def schedule_ends_high(evidence: Evidence) -> Finding | None:
    """The last rate is far above zero, with nothing in its place: no average of weights."""
    rates = [evidence.curve(name) for name in evidence.names("lr/*")]
    peak, last = max(r.values.max() for r in rates), max(r.values[-1] for r in rates)
    averaged = averaging_callbacks(evidence.config.get("callbacks", {}))
    schedule_free = evidence.target("optimizer").lower().endswith("schedulefree")
    ratio = float(last / peak) if peak > 0 else 0.0
    if not evidence.finished or averaged or schedule_free or ratio <= LARGEST_END:
        return None
    candidates: list[Candidate] = [("scheduler", "wsd")]
    if evidence.number("scheduler.floor") > LARGEST_END:
        candidates.insert(0, ("scheduler.floor", 0.1))
    return Finding(
        rule="schedule_ends_high",
        severity="warning" if ratio > NO_COOLDOWN else "info",
        since=evidence.max_steps,
        measured=ratio,
        threshold=LARGEST_END,
        baseline=0.1,
        evidence=f"the last rate is {ratio:.0%} of the peak (above {LARGEST_END:.0%}; here most end at 10 %)",
        why="the loss falls as the rate does: a run without a cooldown looks worse than it is (2405.18392)",
        override=first_that_changes(evidence, *candidates, ("callbacks", "tail_average")),
    )


def _diverged(evidence: Evidence) -> Finding | None:
    if not evidence.diverged:
        return None
    train = evidence.curve("train/loss").values
    return Finding(
        rule="lr_too_high",
        severity="error",
        since=evidence.last_step,
        measured=math.inf,
        threshold=float(train[0]) if len(train) else math.inf,
        baseline=float(train[-1]) if len(train) else None,
        evidence=f"the run diverged: {evidence.record.error}",
        why="there is no result; a peak rate beyond stability is the usual cause (2207.14484)",
        override=first_that_changes(evidence, lower_rate(evidence)),
    )


def _climbed(evidence: Evidence) -> Finding | None:
    train = evidence.curve("train/loss")
    if len(train) < 5:
        return None
    high = smoothed(train.values)[2:] > LARGEST_CLIMB * train.values[0]
    if not high.any():
        return None
    worst = float(train.values[2:].max())
    return Finding(
        rule="lr_too_high",
        severity="error",
        since=int(train.steps[2:][np.argmax(high)]),
        measured=worst,
        threshold=float(LARGEST_CLIMB * train.values[0]),
        baseline=float(train.values[0]),
        evidence=f"train/loss climbs to {worst:.4g}, from {train.values[0]:.4g} at first (more than 5 %)",
        why="at this rate training loses what it had at the beginning (edge of stability, 2103.00065)",
        override=first_that_changes(evidence, lower_rate(evidence)),
    )


def _wandering(evidence: Evidence) -> Finding | None:
    for name in evidence.names(UPDATE_RATIO.columns):
        middle = evidence.curve(name).between(0.25 * evidence.max_steps, 0.75 * evidence.max_steps)
        if len(middle) < LEAST_ROWS:
            continue
        measured = float(np.median(middle.values * np.sqrt(middle.steps)))
        if measured > LARGEST_WANDERING:
            return Finding(
                rule="lr_too_high",
                severity="warning",
                since=int(middle.steps[0]),
                measured=measured,
                threshold=LARGEST_WANDERING,
                baseline=1.0,
                evidence=f"update / weight of {name.split('/')[1]} x sqrt(step) is {measured:.2g} in the"
                f" middle of the run (above {LARGEST_WANDERING:g}; a random walk has 1)",
                why="weights grow as in a random walk, undoing what steps before did, until the rate fits",
                override=first_that_changes(evidence, lower_rate(evidence, 10.0)),
            )
    return None


def _steps_of_second_moment(evidence: Evidence) -> float:
    betas = evidence.setting("optimizer.betas")
    beta2 = betas[1] if isinstance(betas, list) and len(betas) > 1 and betas[1] < 1 else 0.95
    return 2 / (1 - beta2)


def _uniform(evidence: Evidence) -> float:
    """The loss of a uniform guess; infinite where it is not known."""
    for size in (evidence.number("data.n_classes"), evidence.number("data.vocab_size")):
        if size > 1:
            return math.log(size)
    return math.inf
