"""What counts: runs with their number, each once; copies and repetitions are named."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.analysis.compare.planted import bowl, config_of, plant, plant_grid
from tests.analysis.compare.trials import trial, trials
from tuneformer.analysis.compare.comparison import Comparison, compare
from tuneformer.analysis.compare.read_runs import read_runs
from tuneformer.analysis.compare.trial import Trial
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


def of(*each: Trial) -> Comparison:
    return compare(trials(each), metric="val/loss", by=[], baseline=None, target=None, tolerance=0.05)


def of_folders(*folders: Path) -> Comparison:
    read = read_runs(folders, metrics=["val/loss"])
    return compare(read, metric="val/loss", by=[], baseline=None, target=None, tolerance=0.05)


def left_out(found: Comparison) -> dict[str, str]:
    return {Path(each.source).name: each.reason for each in found.read.left_out}


def test_a_copied_sweep_changes_nothing_but_the_names_of_what_is_left_out(tmp_path: Path) -> None:
    plant_grid(tmp_path / "a", lambda o, lr, s: bowl(o, lr, s) + 0.003 * ((7 * s + len(o)) % 5))
    alone = of_folders(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    both = of_folders(tmp_path / "a", tmp_path / "b")
    assert [result.estimate for result in both.main[0].results] == [
        result.estimate for result in alone.main[0].results
    ]
    assert both.main[0].pairs == alone.main[0].pairs
    assert [each.runs for each in both.spent] == [each.runs for each in alone.spent]
    assert len(both.read.left_out) == 18
    assert {each.reason for each in both.read.left_out} == {"copy of a run that counts"}
    assert all(Path(each.source).parent.name == "b" for each in both.read.left_out)
    assert all(Path(each.instead).parent.name == "a" for each in both.read.left_out)
    assert any("left out, 18 runs (18 copy of a run that counts)" in line for line in both.caveats)


def test_of_two_results_of_the_same_run_the_one_that_started_last_counts_and_both_are_named(
    tmp_path: Path,
) -> None:
    for name, value, started in (("old", 1.0, "2026-01-01"), ("new", 2.0, "2026-02-01")):
        plant(tmp_path / name, val=value, record={"started": f"{started}T00:00:00+00:00"})
    plant(tmp_path / "other", val=3.0, config=config_of(optimizer="lion"))
    found = of_folders(tmp_path)
    assert found.main[0].results[0].estimate.mean == 2.0
    (out,) = found.read.left_out
    assert out.source.endswith("old")
    assert "the one that started last" in out.reason
    assert out.instead.endswith("new (val/loss 1, test/loss 1, there val/loss 2, test/loss 2)")
    assert any(str(tmp_path / "old") in line and "new" in line for line in found.caveats)


def test_a_run_that_came_to_its_end_counts_before_one_that_was_pruned() -> None:
    whole = replace(trial("adamw", val=2.0), started="1")
    pruned = replace(trial("adamw", val=2.0, pruned=True), started="2", source="later")
    found = of(whole, pruned, trial("lion"))
    assert [each.source for each in found.read.left_out] == ["later"]
    assert found.spent[0].pruned == found.spent[1].pruned == 0


def test_two_results_without_a_time_are_refused_by_name() -> None:
    first, second = trial("adamw", val=2.0), replace(trial("adamw", val=2.5), source="again")
    with pytest.raises(UserError, match=r"adamw,.* and again: the same method, .* \(val/loss 2, .* 2\.5"):
        of(first, second, trial("lion"))


@pytest.mark.parametrize("value", [None, "nan"])
def test_a_finished_run_without_its_number_is_left_out_by_name_and_the_rest_decides(
    tmp_path: Path, value: object
) -> None:
    # the best rate is 0.01, two of whose runs are whole
    plant_grid(tmp_path, bowl)
    lost = tmp_path / "optimizer=lion,optimizer.lr=0.01,seed=1,steps=100"
    final = {"step": 100, "val/loss": value, "test/loss": 1.9}
    plant(
        lost,
        val=0.0,
        config=config_of(optimizer="lion", seed=1),
        record={"metrics": {"final": {k: v for k, v in final.items() if v is not None}, "best": {}}},
    )
    found = of_folders(tmp_path)
    lion = found.main[0].results[0]
    assert (lion.method, lion.best.values) == ("lion", (0.01,))
    assert [each.seed for each in lion.reported] == [0, 2]
    assert left_out(found) == {lost.name: "finished without a number of val/loss"}
    assert any(
        "finished without a number of val/loss" in line and lost.name in line for line in found.caveats
    )


def test_a_run_without_its_number_on_test_alone_is_left_out_too_and_test_is_still_reported() -> None:
    runs = [trial(name, seed=s) for name in ("adamw", "lion") for s in (0, 1, 2)]
    runs[0] = replace(runs[0], metrics={"val/loss": 0.1})
    found = of(*runs)
    assert found.criterion.report == "test/loss"
    assert [each.reason for each in found.read.left_out] == ["finished without a number of test/loss"]


def test_where_no_run_has_the_number_there_is_nothing_to_compare() -> None:
    with pytest.raises(UserError, match="--metric=val/loss: every run finished without a number of it"):
        of(trial("adamw", val=float("nan")), trial("lion", val=float("nan")))
