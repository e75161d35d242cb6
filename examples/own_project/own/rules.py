"""A rule of the diagnosis."""

from own.spread import SPREAD
from tuneformer.analysis.diagnosis.evidence import Evidence
from tuneformer.analysis.diagnosis.finding import Finding

LARGEST = 20.0


def lone_weights(evidence: Evidence) -> Finding | None:
    """A few weights are far larger than the rest of their matrix."""
    for name in evidence.names(SPREAD.columns):
        curve = evidence.curve(name)
        if (last := float(curve.values[-1])) > LARGEST:
            return Finding(
                rule="lone_weights",
                severity="info",
                since=int(curve.steps[-1]),
                measured=last,
                threshold=LARGEST,
                baseline=float(curve.values[0]),
                evidence=f"the largest element is {last:.0f} times the mean size (above {LARGEST:g})",
                why="such a matrix is hard to quantise",
                override=None,
            )
    return None
