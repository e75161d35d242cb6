"""What a rule says of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SEVERITIES = ("error", "warning", "info")
"""error: the run is lost or its result misleads; warning: it could be better; info: worth knowing."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One fault: since when, by which measured value, why it matters, and what to try.

    Attributes:
        rule: the name of the rule that found it.
        severity: one of SEVERITIES.
        since: the optimizer step at which it began.
        measured: the value that crossed the threshold.
        threshold: the value that it crossed.
        baseline: what the same number is in a healthy or an idle model; None where there is none.
        evidence: the three numbers in words.
        why: why it matters, with the source.
        override: what to add to the command line; None where nothing is left to change.
    """

    rule: str
    severity: str
    since: int
    measured: float
    threshold: float
    baseline: float | None
    evidence: str
    why: str
    override: str | None

    def as_json(self) -> Mapping[str, Any]:
        """Every attribute by its name."""
        return dict(vars(self))


def gravest_first(finding: Finding) -> tuple[int, int]:
    """The key that sorts findings: by severity, then by the step at which they began."""
    return SEVERITIES.index(finding.severity), finding.since
