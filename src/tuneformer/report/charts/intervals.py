"""The results of a comparison as a PNG: a line for each method."""

import math
from pathlib import Path

from tuneformer.analysis.compare.comparison import Comparison
from tuneformer.errors import UserError
from tuneformer.report.wording import INTERVAL

INCHES_A_METHOD, INCHES_AROUND = 0.24, 1.4


def draw_intervals(path: Path, comparison: Comparison) -> None:
    """Draw each method's mean over seeds with its interval, the best on top, for each data set.

    The line through the baseline shows whose interval lies on one side of it. What diverged is left out.

    Raises:
        UserError: the file cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    places = comparison.main
    height = INCHES_AROUND + INCHES_A_METHOD * max(len(place.results) for place in places)
    figure, axes = pyplot.subplots(
        1, len(places), figsize=(8 * len(places), height), squeeze=False, layout="constrained"
    )
    for axis, place in zip(axes[0], places, strict=True):
        alive = [each for each in reversed(place.results) if math.isfinite(each.estimate.mean)]
        for result in alive:
            mean, low, high = result.estimate.mean, result.estimate.low, result.estimate.high
            reach = [[mean - low], [high - mean]] if math.isfinite(low) else None
            is_baseline = result.method == comparison.baseline
            colour = "#D55E00" if is_baseline else "#0072B2"
            axis.errorbar([mean], [result.method], xerr=reach, fmt="o", markersize=4, color=colour)
            if is_baseline:
                axis.axvline(mean, color=colour, linewidth=0.8, linestyle="--")
        title = comparison.names[place.task] if len(places) > 1 else ""
        axis.set(xlabel=f"{comparison.criterion.report} (mean {INTERVAL} over seeds)", title=title)
        axis.grid(alpha=0.3)
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        pyplot.close(figure)
