"""The answer to a question: which method, by how much, how sure, at what cost, and what would change it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tuneformer.analysis.statistics.estimate import Estimate
from tuneformer.analysis.statistics.sequential import BETTER, EQUIVALENT, OPEN, WORSE
from tuneformer.runs.trial_roles import REPORT
from tuneformer.sweeps.ask.budget import Budget
from tuneformer.sweeps.ask.inquiry import Findings, Question
from tuneformer.sweeps.ask.reporting import PairVerdict, ranked, unsteady
from tuneformer.sweeps.ask.trials import AskedTrial, TrialResult
from tuneformer.sweeps.search.space import shown

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Findings with the question that they answer, and the command that asked it.

    `sign` turns costs back into the metric.
    """

    findings: Findings
    question: Question
    budget: Budget
    metric: str
    reported_metric: str
    sign: float
    results: Mapping[AskedTrial, TrialResult]
    command: str

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs; numbers that are not known are null."""
        findings = self.findings
        return {
            "format": FORMAT,
            "metric": {"chosen_by": self.metric, "reported": self.reported_metric},
            "detect": self.question.detect,
            "budget": {"amount": self.budget.amount, "unit": self.budget.unit},
            "spent": self._spent(),
            "command": self.command,
            "check": {
                "tried": list(findings.check.tried),
                "gains": {name: _number(gain) for name, gain in findings.check.gains.items()},
            },
            "methods": [self._method(name) for field in self._fields() for name in self._ranked(field)],
            "pairs": [self._pair(pair) for pair in findings.reported.pairs],
            "planned_seeds": findings.planned,
            "spread": _number(findings.spread),
            "sentences": self.sentences(),
        }

    def sentences(self) -> list[str]:
        """Who wins, by how much, how sure; what is open; what the setting is unfair to."""
        said = [sentence for field in self._fields() for sentence in self._of_field(field)]
        return [*said, *self._caveats(), self._cost()]

    def _fields(self) -> list[str]:
        return list(dict.fromkeys(entry.field for entry in self.question.contestants))

    def _ranked(self, field: str) -> list[str]:
        """The entries of a field, the best first; those that have no report last."""
        names = [entry.name for entry in self.question.contestants if entry.field == field]
        reported = self.findings.reported
        return ranked(names, reported.values, reported.words)

    def _of_field(self, field: str) -> list[str]:
        ranked = self._ranked(field)
        first, *rest = ranked
        if not self.findings.reported.values.get(first):
            return [f"{first}: every setting that was tried diverged"]
        told = [f"{first} {'is best' if self._wins(first, rest) else 'leads'}: {self._told(first)}"]
        told += [self._against(first, other) for other in rest]
        return told

    def _wins(self, first: str, rest: Sequence[str]) -> bool:
        return bool(rest) and all(self._word(first, other) == BETTER for other in rest)

    def _told(self, name: str) -> str:
        reported, tuned = self.findings.reported, self.findings.tuned[name]
        estimate = reported.estimate(name)
        if diverged := reported.n_diverged(name):
            return f"it diverged with {diverged} of {estimate.n} fresh seeds"
        setting = " ".join(f"{path}={shown(value)}" for path, value in tuned.best)
        return (
            f"{self.reported_metric} {_with_interval(estimate, self.sign)} over {estimate.n} fresh seeds, at"
            f" {setting}"
        )

    def _against(self, first: str, other: str) -> str:
        pair = self._pair_of(first, other)
        if pair is None:
            return f"{other} is not reported: every setting that was tried diverged"
        if diverged := self.findings.reported.n_diverged(other):
            return (
                f"{other} diverged with {diverged} of {len(self.findings.reported.values[other])} fresh seeds"
            )
        flip = 1.0 if pair.first == other else -1.0
        word = self._word(other, first)
        difference = _with_interval(pair.difference, flip * self.sign, signed=True)
        said = {
            BETTER: "is better",
            WORSE: "is worse",
            EQUIVALENT: f"is equivalent within {self.question.detect:g}",
            OPEN: "cannot be told apart with this budget",
        }.get(word, word)
        return f"{other} {said}: {difference} against {first}"

    def _pair_of(self, a: str, b: str) -> PairVerdict | None:
        return next((p for p in self.findings.reported.pairs if {p.first, p.second} == {a, b}), None)

    def _word(self, a: str, b: str) -> str:
        """What is known of a against b."""
        pair = self._pair_of(a, b)
        if pair is None:
            return BETTER if not self.findings.reported.values.get(b) else WORSE
        turned = {BETTER: WORSE, WORSE: BETTER}
        return pair.word if pair.first == a else turned.get(pair.word, pair.word)

    def _caveats(self) -> list[str]:
        baseline, check = self.question.baseline, self.findings.check
        said = [f"the setting of {baseline} was not checked"] if baseline and not check.tried else []
        for variant, gain in check.gains.items():
            gains = f"gains {gain:.3g} in {self.metric} from" if math.isfinite(gain) else "diverges without"
            said.append(
                f"the setting is unfair to {baseline}: it {gains} {variant}; tune that, or fix it for all"
            )
        for name, tuned in self.findings.tuned.items():
            if tuned.on_edge and math.isfinite(tuned.score):
                settings = ", ".join(tuned.on_edge)
                said.append(f"the best {settings} of {name} lies at the end of its range or beyond it")
        for name, (own, usual) in unsteady(self.findings.reported.values).items():
            said.append(
                f"{name} is unsteady: its deviation over seeds is {own:.2g}, that of most {usual:.2g};"
                " a lower rate may be steadier"
            )
        return said

    def _cost(self) -> str:
        total = sum(result.seconds for result in self.results.values())
        each = ", ".join(
            f"{entry.name} {seconds_a_run(self.results, entry.name):.3g} s"
            for entry in self.question.contestants
        )
        return f"it rests on {len(self.results)} runs, {total:,.0f} s; one run of each takes {each} (median)"

    def _spent(self) -> dict[str, float]:
        return {"runs": len(self.results), "seconds": sum(each.seconds for each in self.results.values())}

    def _method(self, name: str) -> dict[str, Any]:
        tuned = self.findings.tuned[name]
        values = self.findings.reported.values.get(name, ())
        estimate = self.findings.reported.estimate(name) if values else None
        return {
            "name": name,
            "setting": dict(tuned.best),
            "chosen_by": _number(self.sign * tuned.score),
            "explored": [_number(self.sign * value) for value in tuned.explored],
            "trials": tuned.n_trials,
            "diverged": tuned.n_diverged,
            "on_edge": list(tuned.on_edge),
            "seeds": len(values),
            "mean": _number(self.sign * estimate.mean) if estimate else None,
            "interval": _interval(estimate, self.sign) if estimate else None,
            "cost_of_a_run": self.findings.costs[name],
        }

    def _pair(self, pair: PairVerdict) -> dict[str, Any]:
        sequential = sorted(self.sign * end for end in pair.sequential)
        return {
            "first": pair.first,
            "second": pair.second,
            "difference": _number(self.sign * pair.difference.mean),
            "interval": _interval(pair.difference, self.sign),
            "sequential_interval": [_number(end) for end in sequential],
            "seeds": pair.difference.n,
            "first_is": pair.word,
        }


def _interval(estimate: Estimate, sign: float) -> list[float | None]:
    return [_number(end) for end in sorted((sign * estimate.low, sign * estimate.high))]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _with_interval(estimate: Estimate, sign: float, *, signed: bool = False) -> str:
    mean = sign * estimate.mean
    shown_mean = f"{mean:+.4f}" if signed else f"{mean:.4f}"
    known = math.isfinite(estimate.half_width)
    return f"{shown_mean} ± {estimate.half_width:.4f} (95 %)" if known else shown_mean


def seconds_a_run(results: Mapping[AskedTrial, TrialResult], method: str) -> float:
    """The median over the fresh seeds, which all methods run in turn: on an equally busy machine."""
    whole = {trial: each.seconds for trial, each in results.items() if trial.method == method and each.whole}
    reported = [seconds for trial, seconds in whole.items() if trial.role == REPORT]
    return median(reported or [*whole.values()] or [math.nan])
