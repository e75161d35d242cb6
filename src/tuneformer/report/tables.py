"""The tables of a comparison."""

import math
from collections.abc import Sequence

from tuneformer.analysis.compare.comparison import Comparison
from tuneformer.analysis.compare.design import shown
from tuneformer.analysis.compare.verdict import verdict
from tuneformer.report import wording
from tuneformer.report.measures_table import measures_table
from tuneformer.report.results_table import data_cell, recorded_cells, results_table
from tuneformer.report.table import Table, make_table, number, word
from tuneformer.runs.record import SHOWN, TOTAL
from tuneformer.runs.shown_paths import shown_path

TAUS: Sequence[float] = (1, 1.5, 2, 4)


def all_tables(comparison: Comparison) -> list[Table]:
    """Every table that has rows, without columns in which nothing is known."""
    tables = (
        results_table(comparison),
        pairs_table(comparison),
        speed_up_table(comparison),
        basin_table(comparison),
        profile_table(comparison),
        rank_stability_table(comparison),
        measures_table(comparison),
        ledger_table(comparison),
        left_out_table(comparison),
    )
    return [table.without_empty_columns() for table in tables if table.rows]


def pairs_table(comparison: Comparison) -> Table:
    """All pairs of methods at the longest length of each data set."""
    rows = [
        [
            data_cell(comparison, place.task),
            word(pair.first),
            word(pair.second),
            number(pair.difference.mean, wording.signed(pair.difference.mean)),
            number(pair.difference.low, wording.signed(pair.difference.low)),
            number(pair.difference.high, wording.signed(pair.difference.high)),
            number(pair.difference.n, str(pair.difference.n)),
            number(pair.p, wording.p_value(pair.p)),
            number(pair.p_holm, wording.p_value(pair.p_holm)),
            number(pair.p_t, wording.p_value(pair.p_t)),
            number(pair.p_t_holm, wording.p_value(pair.p_t_holm)),
            number(pair.needed or math.nan, str(pair.needed or wording.NOTHING)),
            word(pair.note),
        ]
        for place in comparison.main
        for pair in place.pairs
    ]
    columns = [
        *(
            "data",
            "first",
            "second",
            "first minus second",
            wording.LOW,
            wording.HIGH,
            "seeds",
            "p",
            "p (Holm)",
        ),
        *("t test p", "t test p (Holm)", "seeds needed", "note"),
    ]
    note = (
        "p: exact two-sided sign-flip test, from six shared seeds on. t test: of the same pairs, or Welch's"
        " without shared seeds, from three seeds on; it takes the differences as normal. Both corrected over"
        f" all pairs by Holm's method.{_fewest(comparison)} Seeds needed: to show a difference like the one"
        " seen by the exact test, corrected, with a chance of 80 %. Each interval is at 95 % by itself."
    )
    return make_table("pairs", "Every pair of methods", note, columns, rows)


def _fewest(comparison: Comparison) -> str:
    """How many seeds the exact test takes at the least."""
    found = [each for place in comparison.main if (each := verdict(place.pairs)) is not None]
    told = dict.fromkeys(
        f" Over {each.n_pairs} pairs the exact test cannot reject below {each.fewest} seeds."
        for each in found
        if each.n_pairs > 1
    )
    return "".join(told)


def speed_up_table(comparison: Comparison) -> Table:
    """How much longer the baseline would have to train for each method's loss."""
    rows = [
        [
            data_cell(comparison, scaling.task),
            word(method),
            number(each.at, wording.count(each.at)),
            number(each.ratio, f"{each.ratio:.2f}" if math.isfinite(each.ratio) else "beyond the fit"),
            number(each.low, f"{each.low:.2f}"),
            number(each.high, f"{each.high:.2f}"),
            word("extrapolated" if each.extrapolated else "within the fit"),
        ]
        for scaling in comparison.scalings
        for method, found in scaling.speed_ups.items()
        for each in found
        if not math.isnan(each.ratio)
    ]
    laws = "; ".join(
        f"{comparison.names[s.task]}: {s.law.a * s.law.unit**s.law.b:.4g} D^-{s.law.b:.3f} + {s.law.c:.4f}"
        for s in comparison.scalings
    )
    note = (
        f"Times longer that {comparison.baseline} would have to train for the method's loss, by a"
        f" least-squares fit of a D^-b + c to all its lengths ({laws}); 95 % interval by the delta method."
    )
    columns = ["data", "method", comparison.read.unit, "speed-up", wording.LOW, wording.HIGH]
    columns.append("reach of the fit")
    return make_table("speed-ups", "Length of training saved", note, columns, rows)


def basin_table(comparison: Comparison) -> Table:
    """Where each method is at its best, how wide that is, and how sensitive it is to the rate."""
    rows = []
    for curve in comparison.curves:
        found = curve.basin
        best = (
            shown(found.best) if found is not None else "not named" if not math.isnan(curve.unnamed) else ""
        )
        edge = "on the edge" if curve.edge else ""
        rows.append(
            [
                data_cell(comparison, curve.task),
                number(curve.horizon, wording.count(curve.horizon)),
                word(curve.method),
                word(curve.key),
                word(", ".join(shown(v) for v in curve.values)),
                word(best),
                word(edge),
                word(", ".join(shown(v) for v in curve.within) or wording.NOTHING),
                number(curve.sensitivity, wording.value(curve.sensitivity)),
            ]
        )
    note = (
        f"Within: values whose best score lies within {comparison.tolerance:g} of the method's best. LR"
        " sensitivity: the expected excess loss when the rate is drawn log-uniformly from those tried, a"
        " run that diverged counting as an untrained model (2309.14322)."
    )
    columns = [
        *("data", comparison.read.unit, "method", "setting", "tried", "best", "edge", "within"),
        "LR sensitivity",
    ]
    return make_table("basins", "How wide the good settings are", note, columns, rows)


def profile_table(comparison: Comparison) -> Table:
    """The integrated score of each method over several data sets."""
    rows = [
        [
            word(method),
            number(profile.score, f"{profile.score:.3f}"),
            *(number(profile.share_within(tau), wording.percent(profile.share_within(tau))) for tau in TAUS),
        ]
        for method, profile in comparison.profiles.items()
    ]
    note = "The share of data sets on which a method needs at most so many times the steps of the fastest."
    columns = ["method", "score", *(f"within {tau:g} times" for tau in TAUS)]
    return make_table("profiles", "Performance profiles over data sets", note, columns, rows)


def rank_stability_table(comparison: Comparison) -> Table:
    """The order of methods at half time against the end."""
    rows = [
        [
            data_cell(comparison, place.task),
            number(place.horizon, wording.count(place.horizon)),
            word(", ".join(place.rank_stability.middle)),
            word(", ".join(place.rank_stability.end)),
            number(place.rank_stability.tau, f"{place.rank_stability.tau:+.2f}"),
        ]
        for place in comparison.cells
        if place.rank_stability is not None
    ]
    note = "Kendall's tau: 1 for the same order, -1 for the reverse. Only the end counts."
    columns = ["data", comparison.read.unit, "best first at half time", "best first at the end", "tau"]
    return make_table("half-time", "Half time against the end", note, columns, rows)


def ledger_table(comparison: Comparison) -> Table:
    """What was spent on each method."""
    rows = [
        [
            word(each.method),
            number(each.settings, str(each.settings)),
            number(each.runs, str(each.runs)),
            number(each.diverged, str(each.diverged)),
            number(each.pruned, str(each.pruned)),
            *recorded_cells(each, over=TOTAL).values(),
            word(", ".join(each.samplers)),
        ]
        for each in comparison.spent
    ]
    note = "Every run that ended, tuning included. Seconds are of training, evaluation left out."
    totals = [shown.label for shown in SHOWN.values() if shown.over == TOTAL]
    columns = ["method", "settings", "runs", "diverged", "pruned", *totals, "drawn by"]
    return make_table("ledger", "What the answer rests on", note, columns, rows)


def left_out_table(comparison: Comparison) -> Table:
    """The runs that do not count."""
    rows = [
        [word(shown_path(each.source)), word(each.reason), word(each.instead)]
        for each in comparison.read.left_out
    ]
    return make_table("left-out", "Runs that were left out", "", ["run", "reason", "counts instead"], rows)
