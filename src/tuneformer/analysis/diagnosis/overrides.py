"""The override that a finding proposes."""

from tuneformer.analysis.diagnosis.evidence import ABSENT, Evidence
from tuneformer.config.callback_facts import averaging_callbacks
from tuneformer.config.shown import shown

Value = str | float | bool
Candidate = tuple[str, Value]


def first_that_changes(evidence: Evidence, *candidates: Candidate) -> str | None:
    """`setting=value` of the first candidate that the run has, and has at another value; None if none is.

    A key without a dot chooses an option of a group.
    """
    for key, value in candidates:
        if _is_open(evidence, key, value):
            return f"{key}={shown(value)}"
    return None


def divided(value: float, by: float) -> float:
    """value / by with two digits, as it is typed."""
    return float(f"{value / by:.2g}")


def lower_rate(evidence: Evidence, by: float = 3.0) -> Candidate:
    """The peak rate divided; three is the step of a rate grid of two values a decade."""
    return ("optimizer.lr", divided(evidence.number("optimizer.lr"), by))


def _is_open(evidence: Evidence, key: str, value: Value) -> bool:
    if isinstance(value, float) and value != value:
        return False
    if key == "callbacks":  # those that are proposed average the weights
        return not averaging_callbacks(evidence.config.get("callbacks", {}))
    if "." in key:
        return evidence.setting(key) not in (ABSENT, value)
    if key in evidence.record.options:
        return evidence.record.options[key] != value
    return not evidence.target(key).lower().startswith(str(value).replace("_", ""))  # an old record
