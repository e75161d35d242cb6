"""The ladder: its top is the experiment, its runs are processes, its table says what they took."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from tuneformer.checks import check_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError
from tuneformer.studies.ladder import WALL, Climb, Ladder, Rung
from tuneformer.studies.ladder_report import markdown
from tuneformer.studies.speedrun import RUNGS

TEXTS = {"shakespeare": ["data=shakespeare"]}


def composed(overrides: list[str]) -> dict[str, Any]:
    """A configuration without what only names it."""
    config = check_config(*compose_config(overrides))
    return {key: value for key, value in config.items() if key not in ("name", "notes", "tags")}


@pytest.mark.fast
def test_the_top_of_the_ladder_is_the_experiment() -> None:
    ladder = Ladder(name="a", rungs=RUNGS, texts=TEXTS, n_seeds=1)
    assert composed(ladder.recipe(len(RUNGS) - 1)) == composed(["experiment=speedrun"])
    assert composed(ladder.recipe(0)) == composed(["experiment=nanogpt_cpu"])


@pytest.mark.fast
def test_each_rung_changes_something_and_none_undoes_another() -> None:
    ladder = Ladder(name="a", rungs=RUNGS, texts=TEXTS, n_seeds=1)
    steps = "trainer.max_steps"
    recipes = [ladder.recipe(index) for index in range(len(RUNGS))]
    configs = [composed([each for each in recipe if not each.startswith(steps)]) for recipe in recipes]
    assert all(below != above for below, above in itertools.pairwise(configs))
    changed = [override.split("=")[0] for rung in RUNGS for override in rung.overrides]
    assert len(set(changed)) == len(changed)


@pytest.mark.fast
def test_a_row_has_the_spread_over_seeds_and_the_median_part_of_the_first_rung() -> None:
    rungs = [Rung(change="start", overrides=(), steps=2000), Rung(change="faster", overrides=(), steps=100)]
    first = [Climb(loss=1.9, parameters=1000, train_seconds=60.0, wall_seconds=70.0 + n) for n in range(3)]
    second = [
        Climb(loss=1.8 + n / 100, parameters=900, train_seconds=4.0 + n, wall_seconds=10.0) for n in range(3)
    ]
    lines = markdown(rungs, {"a text": [first, second]}).splitlines()
    assert lines[0] == "**a text**"
    assert lines[4].startswith(
        "| start | 1,000 | 2,000 | 1.9000 ± 0.0000 | 60.0 ± 0.0 s | 1/1.0 | 71.0 ± 1.0 s |"
    )
    assert (
        lines[5] == "| faster | 900 | 100 | 1.8100 ± 0.0100 | 5.0 ± 1.0 s | 1/12.0 | 10.0 ± 0.0 s | 1/7.1 |"
    )


@pytest.mark.proof
def test_a_ladder_trains_each_rung_once_and_what_was_cut_short_again(
    small_settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rungs = [
        Rung(change="start", overrides=("model.n_layers=1",), steps=6),
        Rung(change="two layers", overrides=("model.n_layers=2",), steps=4),
    ]
    rungs_decide = ("model.n_layers", "trainer.max_steps")
    settings = [each for each in small_settings if not each.startswith(rungs_decide)]
    settings.append("scheduler.warmup=1")

    def climb() -> dict[str, list[list[Climb]]]:
        return Ladder(name="a", rungs=rungs, texts={"text": []}, n_seeds=2).run(settings)

    first = climb()
    runs = sorted((tmp_path / "outputs/sweeps/a/text").iterdir())
    assert [run.name for run in runs] == [f"rung{rung}-seed{seed}" for rung in (0, 1) for seed in (0, 1)]
    assert all(climb.wall_seconds > climb.train_seconds for climb in first["text"][0])
    (runs[1] / WALL).unlink()
    second = climb()
    assert second["text"][1] == first["text"][1]
    assert second["text"][0][0] == first["text"][0][0]
    assert second["text"][0][1].loss == first["text"][0][1].loss
    assert second["text"][0][1].wall_seconds != first["text"][0][1].wall_seconds


@pytest.mark.fast
def test_a_run_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rungs = [Rung(change="start", overrides=("model.n_heads=3",), steps=600)]
    with pytest.raises(UserError, match="n_heads=3"):
        Ladder(name="a", rungs=rungs, texts={"text": ["data=shakespeare"]}, n_seeds=1).run([])
