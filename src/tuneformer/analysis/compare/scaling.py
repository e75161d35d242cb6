"""Steps saved: each method's loss against the baseline's power law over several horizons."""

from collections.abc import Sequence
from dataclasses import dataclass

from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.selection import Result
from tuneformer.analysis.statistics.power_law import PowerLaw, SpeedUp, fit_power_law, speed_up


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """The baseline's fit on one task, and each other method's speed-ups by horizon."""

    task: str
    baseline: str
    law: PowerLaw
    points: dict[str, list[tuple[float, float]]]
    speed_ups: dict[str, list[SpeedUp]]


def fit_scaling(results: Sequence[Result], baseline: str, criterion: Criterion) -> Scaling | None:
    """The fit over all horizons of one task; None below three horizons of the baseline.

    Every reported run is a point. Only where a lower value is better does the law mean anything.
    """
    points: dict[str, list[tuple[float, float]]] = {}
    for result in results:
        points.setdefault(result.method, []).extend(
            (result.horizon, criterion.reporting(trial)) for trial in result.reported
        )
    if baseline not in points or not criterion.lower_is_better:
        return None
    lengths, losses = zip(*points[baseline], strict=True)
    law = fit_power_law(lengths, losses)
    if law is None:
        return None
    speed_ups: dict[str, list[SpeedUp]] = {}
    for result in sorted(results, key=lambda result: result.horizon):
        losses = [criterion.reporting(trial) for trial in result.reported]
        found = speed_up(law, at=result.horizon, losses=losses)
        speed_ups.setdefault(result.method, []).append(found)
    return Scaling(task=results[0].task, baseline=baseline, law=law, points=points, speed_ups=speed_ups)
