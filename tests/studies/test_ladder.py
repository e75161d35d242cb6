"""The ladder: its top is the experiment, its runs are processes, its table says what they took."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from studies import ladder
from studies.ladder import WALL, Climb, Found, Ladder, LadderText, Rung
from studies.ladder_report import markdown
from studies.speedrun import RUNGS
from tests.records import record_of
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError
from tuneformer.runs.record import write_record

TEXTS = {"shakespeare": LadderText(overrides=("data=shakespeare",))}


def composed(overrides: list[str]) -> dict[str, Any]:
    """A configuration without what only names it."""
    config = check_config(*compose_config(overrides))
    return {key: value for key, value in config.items() if key not in ("name", "notes", "tags")}


@pytest.mark.fast
def test_the_top_of_the_ladder_is_the_experiment() -> None:
    rungs = Ladder(name="a", rungs=RUNGS, texts=TEXTS, n_seeds=1)
    assert composed(rungs.recipe(len(RUNGS) - 1)) == composed(["experiment=speedrun"])
    assert composed(rungs.recipe(0)) == composed(["experiment=nanogpt_cpu"])


@pytest.mark.fast
def test_each_rung_changes_something_and_none_undoes_another() -> None:
    rungs = Ladder(name="a", rungs=RUNGS, texts=TEXTS, n_seeds=1)
    steps = "trainer.max_steps"
    recipes = [rungs.recipe(index) for index in range(len(RUNGS))]
    configs = [composed([each for each in recipe if not each.startswith(steps)]) for recipe in recipes]
    assert all(below != above for below, above in itertools.pairwise(configs))
    changed = [override.split("=")[0] for rung in RUNGS for override in rung.overrides]
    assert len(set(changed)) == len(changed)


@pytest.mark.fast
def test_a_text_for_the_ends_alone_leaves_the_rungs_between_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    climbed: list[list[str]] = []

    def seconds(overrides: list[str]) -> float:
        climbed.append(overrides)
        run = Path(overrides[-1].removeprefix("run_dir="))
        final = {"val/loss": float(len(climbed))}
        run.mkdir(parents=True)
        record = record_of(metrics={"final": final}, model={"parameters": 1}, train_seconds=1.0)
        write_record(run / "record.json", record)
        return 2.0

    monkeypatch.setattr(ladder, "_seconds", seconds)
    texts = {
        "whole": LadderText(overrides=("data=text",)),
        "ends": LadderText(overrides=("data=shakespeare",), ends_only=True),
    }
    found = Ladder(name="a", rungs=RUNGS, texts=texts, n_seeds=2).run([])
    assert list(found["ends"]) == [0, len(RUNGS) - 1]
    assert list(found["whole"]) == list(range(len(RUNGS)))
    n = len(RUNGS)
    # seed by seed, text by text, rung by rung
    assert [each.loss for each in found["whole"][0]] == [1.0, n + 3.0]
    assert [each.loss for each in found["ends"][n - 1]] == [n + 2.0, 2.0 * (n + 2)]


@pytest.mark.fast
def test_a_row_has_the_spread_over_seeds_and_the_median_part_of_the_first_rung() -> None:
    rungs = [Rung(change="start", overrides=(), steps=2000), Rung(change="faster", overrides=(), steps=100)]
    first = [Climb(loss=1.9, parameters=1000, train_seconds=60.0, wall_seconds=70.0 + n) for n in range(3)]
    second = [
        Climb(loss=1.8 + n / 100, parameters=900, train_seconds=4.0 + n, wall_seconds=10.0) for n in range(3)
    ]
    lines = markdown(rungs, {"a text": {0: first, 1: second}}).splitlines()
    assert lines[0] == "**a text**"
    assert lines[4].startswith(
        "| start | 1,000 | 2,000 | 1.9000 ± 0.0000 | 0.0000 | 60.0 ± 0.0 s | 0.0 | 1/1.0 | 71.0 ± 2.5 s |"
    )
    assert lines[5] == (
        "| faster | 900 | 100 | 1.8100 ± 0.0248 | 0.0100 | 5.0 ± 2.5 s | 1.0 | 1/12.0"
        " | 10.0 ± 0.0 s | 0.0 | 1/7.1 |"
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

    def climb() -> Found:
        texts = {"text": LadderText(overrides=())}
        return Ladder(name="a", rungs=rungs, texts=texts, n_seeds=2).run(settings)

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
        Ladder(name="a", rungs=rungs, texts=TEXTS, n_seeds=1).run([])
