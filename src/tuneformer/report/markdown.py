"""The results of a comparison as a Markdown table."""

from tuneformer.analysis.compare.comparison import Comparison, TaskComparison
from tuneformer.analysis.compare.pairs import difference_from
from tuneformer.analysis.compare.selection import Result
from tuneformer.report import wording


def markdown(comparison: Comparison) -> str:
    """A table for each data set at its longest length, one below the other, best method first."""
    return "\n\n".join(_table(comparison, place) for place in comparison.main)


def _table(comparison: Comparison, place: TaskComparison) -> str:
    choose, report = comparison.criterion.choose, comparison.criterion.report
    lines = [
        f"| method | best setting | settings tried | diverged | {choose}, tuned"
        f" | {report} {wording.INTERVAL} | deviation | seeds"
        f" | minus {comparison.baseline} {wording.INTERVAL} |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    edges = {
        curve.method
        for curve in comparison.curves
        if (curve.task, curve.horizon) == (place.task, place.horizon) and curve.edge
    }
    for result in place.results:
        setting = comparison.design.describe(result.best.values)
        cells = [
            result.method,
            f"{setting} (edge)" if result.method in edges else setting,
            str(len(result.settings)),
            str(result.n_diverged),
            wording.value(result.best.score),
            wording.with_interval(result.estimate),
            wording.deviation(result.estimate),
            f"{result.estimate.n}{' fresh' if result.fresh else ' optimistic' if result.optimistic else ''}",
            _gap(comparison, place, result),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _gap(comparison: Comparison, place: TaskComparison, result: Result) -> str:
    baseline = next((r for r in place.results if r.method == comparison.baseline), None)
    if baseline is None or result is baseline:
        return "" if baseline is None else "0"
    return wording.signed_with_interval(difference_from(result, baseline, comparison.criterion))
