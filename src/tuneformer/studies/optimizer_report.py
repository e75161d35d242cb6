"""The result of the study as a page: its table between two marks of a Markdown file, its figure beside it."""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import stdev

from tuneformer.studies.optimizer_table import Row, markdown
from tuneformer.studies.page import replace_table
from tuneformer.studies.tuning import TUNING_SEED, Tuning

SHOWN_CURVES = ("adamw", "nadam", "lion", "lamb", "schedule_free_adamw", "muon", "soap", "sgd")


def write_report(page: Path, rows: Sequence[Row], tunings: Sequence[Tuning]) -> None:
    """Replaces what stands between the marks of `page` by the table, and draws <page>.png.

    Raises:
        UserError: the page is missing or has no marks.
    """
    replace_table(page, markdown(rows))
    draw(page.with_suffix(".png"), rows, tunings)


def draw(path: Path, rows: Sequence[Row], tunings: Sequence[Tuning]) -> None:
    """Left the test losses of all methods, right validation loss against rate for a few of them."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 6), layout="constrained")
    whole = [row for row in reversed(rows) if row.test_losses and math.isfinite(row.test_mean)]
    left.errorbar(
        [row.test_mean for row in whole],
        [row.option for row in whole],
        xerr=[stdev(row.test_losses) if len(row.test_losses) > 1 else 0.0 for row in whole],
        fmt="o",
        markersize=4,
    )
    left.set(xlabel="test loss at the best rate, nats per token (mean, standard deviation over fresh seeds)")
    for tuning in tunings:
        if tuning.method.option in SHOWN_CURVES and tuning.rates:
            losses = [tuning.losses[rate, TUNING_SEED] for rate in tuning.rates]
            right.plot(tuning.rates, losses, "o-", markersize=3, label=tuning.method.option)
    right.set(xscale="log", xlabel="learning rate", ylabel="validation loss, nats per token, tuning seed")
    right.legend(fontsize=8)
    for axis in (left, right):
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
