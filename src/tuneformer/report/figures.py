"""All figures of a comparison."""

from tuneformer.analysis.compare.comparison import Comparison
from tuneformer.report.curve_figures import curve_figures
from tuneformer.report.figure import Figure, Styles
from tuneformer.report.result_figures import result_figures
from tuneformer.report.tuning_figures import tuning_figures


def all_figures(comparison: Comparison) -> list[Figure]:
    """Results first, then tuning, then learning curves; every key once."""
    styles = Styles(comparison.methods)
    figures = [
        *result_figures(comparison, styles),
        *tuning_figures(comparison, styles),
        *curve_figures(comparison, styles),
    ]
    assert len({each.key for each in figures}) == len(figures)
    return figures
