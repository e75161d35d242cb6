"""A comparison as a whole: of a planted sweep, of several lengths and data sets, and of published losses."""

import itertools
import math
from pathlib import Path

import pytest

from tests.analysis.compare.planted import bowl, plant_grid
from tests.analysis.compare.trials import trial, trials
from tuneformer.analysis.compare.comparison import Comparison, compare
from tuneformer.analysis.compare.read_runs import read_runs
from tuneformer.analysis.compare.read_table import read_table
from tuneformer.analysis.compare.trial import Trial
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

PUBLISHED = Path(__file__).parents[3] / "docs" / "results" / "published_losses_130m.csv"


def of(*each: Trial, by: tuple[str, ...] = (), target: float | None = None) -> Comparison:
    return compare(trials(each), metric="val/loss", by=by, baseline=None, target=target, tolerance=0.05)


def test_a_planted_sweep_gives_what_was_planted(tmp_path: Path) -> None:
    plant_grid(tmp_path, bowl)
    read = read_runs([tmp_path], metrics=["val/loss"])
    found = compare(read, metric="val/loss", by=[], baseline=None, target=None, tolerance=0.05)
    (cell,) = found.cells
    assert [result.method for result in cell.results] == ["lion", "adamw"]
    assert {result.best.values for result in cell.results} == {(0.01,)}
    assert cell.results[0].estimate.mean == pytest.approx(1.81 + 0.1)  # on test
    (pair,) = cell.pairs
    assert pair.difference.mean == pytest.approx(-0.2)
    assert found.baseline == "adamw"
    assert found.targets == {cell.task: pytest.approx(2.01)}
    lion = next(reach for reach in found.reaches if reach.method == "lion")
    assert (lion.steps, lion.kind) == (100, "ends of runs")
    assert found.scalings == ()
    assert found.profiles == {}
    assert cell.rank_stability is not None


def test_several_lengths_give_the_steps_that_a_method_saves() -> None:
    def law(steps: float) -> float:
        return 30 * steps**-0.5 + 1.5

    runs = [trial("adamw", steps=s, val=law(s)) for s in (100, 200, 400, 800)]
    runs += [trial("lion", steps=s, val=law(1.6 * s)) for s in (100, 200, 400, 800)]
    found = of(*runs, by=("horizon",))
    (scaling,) = found.scalings
    # reported on test, which lies 0.1 above
    assert [each.ratio for each in scaling.speed_ups["lion"]] == pytest.approx([1.6] * 4, rel=1e-3)
    assert len(found.cells) == 4
    (main,) = found.main
    assert main.horizon == 800
    reach = {each.method: each for each in found.reaches}
    assert reach["adamw"].steps == 800
    assert reach["lion"].steps == pytest.approx(500, rel=0.05)
    assert reach["lion"].kind == "ends of runs"


def test_several_data_sets_are_compared_each_by_itself_and_make_a_profile() -> None:
    runs = [
        trial(name, steps=steps, task=task, val=scale * (3 - factor * math.log2(steps / 100)))
        for (name, factor), (task, scale), steps in itertools.product(
            {"adamw": 0.5, "lion": 1.0}.items(), {"a": 1.0, "b": 5.0}.items(), (100, 200, 400)
        )
    ]
    found = of(*runs, by=("data", "horizon"))
    assert len(found.main) == 2
    assert found.targets == {"a": 2.0, "b": 10.0}
    assert found.profiles["lion"].score == 1.0
    assert [*found.profiles["adamw"].ratios] == pytest.approx([2.0, 2.0])


def test_runs_with_nothing_in_common_and_a_baseline_that_is_not_there_are_refused() -> None:
    with pytest.raises(UserError, match="nothing in common: no two of adamw, lion were run"):
        of(trial("adamw", task="a"), trial("lion", task="b"), by=("data",))
    with pytest.raises(UserError, match="--baseline=adam is not among the methods: did you mean adamw"):
        compare(
            trials([trial("adamw"), trial("lion")]),
            metric="val/loss",
            by=[],
            baseline="adam",
            target=None,
            tolerance=0.05,
        )


def test_where_every_run_diverged_there_is_still_a_comparison() -> None:
    runs = [trial(name, lr=lr, val=math.inf) for name in ("adamw", "lion") for lr in (0.1, 0.2)]
    found = of(*runs)
    assert not any(math.isfinite(result.estimate.mean) for result in found.main[0].results)
    assert all(curve.basin is None for curve in found.curves)
    assert {reach.kind for reach in found.reaches} == {"not reached"}


def published() -> Comparison:
    table = read_table(PUBLISHED, metric=None)
    return compare(
        table.read,
        metric=table.metric,
        by=[*table.by, "horizon"],
        baseline=None,
        target=None,
        tolerance=0.01,
    )


def test_the_published_table_gives_the_published_speed_ups() -> None:
    (scaling,) = published().scalings
    ratios = {method: [each.ratio for each in found] for method, found in scaling.speed_ups.items()}
    assert [round(ratio, 2) for ratio in ratios["muon"]] == [1.43, 1.34, 1.31, 1.28, 1.13]
    assert [round(ratio, 2) for ratio in ratios["soap"][:1]] == [1.28]
    assert len(published().read.trials) == 980


def test_the_published_table_gives_the_published_best_settings_and_basins() -> None:
    found = published()
    first = found.cells[0]
    best = {result.method: result for result in first.results}
    assert first.horizon == 1
    assert [result.method for result in first.results][:4] == ["muon", "scion", "soap", "kron"]
    assert best["muon"].estimate.mean == 3.4626
    assert found.design.describe(best["muon"].best.values) == "muon_to_adam_lr=0.3"
    assert best["adamw"].estimate.mean == 3.5291
    curves = {(c.method, c.horizon, c.key): c for c in found.curves}
    rates = curves["adamw", 1.0, "learning_rate"]
    assert dict(zip(rates.values, rates.scores, strict=True)) == {
        0.004: 3.5496,
        0.016: 3.5382,
        0.032: 7.7806,
    }
    assert (rates.unnamed, rates.within) == (3.5291, (0.016,))
    assert curves["muon", 1.0, "momentum"].within == ()
    assert curves["muon", 1.0, "decay"].within == (0.6, 1.0)


def test_a_result_whose_square_no_double_holds_counts_as_that_of_a_run_that_diverged() -> None:
    runs = [trial("lion", seed=seed, val=1e300 * (seed + 1)) for seed in range(3)]
    (cell,) = of(*runs, *(trial("adamw", seed=seed) for seed in range(3))).cells
    assert [result.method for result in cell.results] == ["adamw", "lion"]
    assert math.isinf(cell.results[1].estimate.mean)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_target_and_a_tolerance_are_numbers(wrong: float) -> None:
    with pytest.raises(UserError, match=rf"^--target={wrong} must be a finite number"):
        of(trial(), target=wrong)
    for tolerance in (wrong, -1.0):
        with pytest.raises(UserError, match=rf"^--tolerance={tolerance} must be "):
            compare(
                trials([trial()]), metric="val/loss", by=(), baseline=None, target=None, tolerance=tolerance
            )
