"""The result of the study as a page: its table between two marks of a Markdown file, its figure beside it."""

import math
from pathlib import Path

from studies.page import replace_table
from tuneformer.analysis.compare.comparison import Comparison, compare
from tuneformer.analysis.compare.read_runs import read_runs
from tuneformer.report.markdown import markdown

BASELINE = "adamw"
TOLERANCE = 0.02  # nats per token: the width of a basin
SHOWN_CURVES = ("adamw", "nadam", "lion", "lamb", "schedule_free_adamw", "muon", "soap", "sgd")


def compare_study(folder: Path) -> Comparison:
    """The comparison of the study's runs: optimizers, each at its best rate."""
    read = read_runs([folder], metrics=["val/loss"])
    methods = {trial.options.get("optimizer") for trial in read.trials}
    return compare(
        read,
        metric="val/loss",
        by=["optimizer"] if len(methods) > 1 else [],
        baseline=BASELINE if BASELINE in methods and len(methods) > 1 else None,
        target=None,
        tolerance=TOLERANCE,
    )


def write_report(page: Path, comparison: Comparison) -> None:
    """Replaces what stands between the marks of `page` by the table, and draws <page>.png.

    Raises:
        UserError: the page is missing or has no marks.
    """
    replace_table(page, markdown(comparison))
    draw(page.with_suffix(".png"), comparison)


def draw(path: Path, comparison: Comparison) -> None:
    """Left the test losses of all methods, right validation loss against rate for a few of them."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 6), layout="constrained")
    (place,) = comparison.main
    whole = [result for result in reversed(place.results) if math.isfinite(result.estimate.mean)]
    halves = [result.estimate.half_width for result in whole]
    left.errorbar(
        [result.estimate.mean for result in whole],
        [result.method for result in whole],
        xerr=[half if math.isfinite(half) else 0.0 for half in halves],
        fmt="o",
        markersize=4,
    )
    left.set(xlabel="test loss at the best rate, nats per token (mean, 95 % interval over fresh seeds)")
    for curve in comparison.curves:
        if curve.method in SHOWN_CURVES and curve.key == "optimizer.lr":
            right.plot(curve.values, curve.scores, "o-", markersize=3, label=curve.method)
    right.set(xscale="log", xlabel="learning rate", ylabel="validation loss, nats per token, tuning seed")
    if right.get_lines():
        right.legend(fontsize=8)
    for axis in (left, right):
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
