"""The study of tasks: its bounds, its table, and that it resumes."""

import pytest

from studies.running import RunResult
from studies.task_trials import TRIALS, TaskTrial
from studies.tasks import TaskJob, TaskStudy, first_step, jobs_of
from tests.records import record_of


@pytest.mark.fast
@pytest.mark.parametrize(
    ("bounds", "value", "optimum", "holds"),
    [
        ({"at_least": 0.99}, 0.99, None, True),
        ({"at_least": 0.99}, 0.98, None, False),
        ({"at_most": 0.5}, 0.4, None, True),
        ({"at_most": 0.5}, 0.6, None, False),
        ({"at_most": 1.1, "of_optimum": True}, 2.1, 2.0, True),
        ({"at_most": 1.1, "of_optimum": True}, 2.3, 2.0, False),
        ({"at_most": 1.1, "of_optimum": True}, 2.1, None, False),
        ({"at_least": 0.0}, float("nan"), None, False),
    ],
)
def test_a_value_holds_within_its_bounds(bounds: dict, value: float, optimum: float, holds: bool) -> None:
    assert TaskTrial(experiment="copy", arm="a", **bounds).holds(value, optimum=optimum) is holds


@pytest.mark.fast
def test_every_trial_says_what_must_come_out() -> None:
    assert all(trial.expected() for trial in TRIALS)


@pytest.mark.fast
def test_the_table_counts_the_seeds_that_came_out_as_expected() -> None:
    end = TaskTrial(experiment="copy", arm="one layer", at_least=0.99, n_seeds=3)
    again = TaskTrial(experiment="copy", arm="one layer", metric="test/loss", at_most=1.0)
    study = TaskStudy(name="study", trials=[end, again], overrides=[])
    for seed, accuracy in enumerate((1.0, 0.98, 1.0)):
        record = record_of(
            metrics={"final": {"test/accuracy": accuracy, "test/loss": 0.5}},
            data={"optimum": {"test/loss": 0.25}},
            wall_seconds=60.0,
        )
        study._take(TaskJob("copy", (), seed), RunResult(record, None), [])
    *_, first, second = study.table().splitlines()
    assert first == (
        "| copy | one layer | 3 | test/accuracy | at least 0.99 | 0.9933 ± 0.0287 | 0.0115 |"
        "  | 2 of 3 | 1.0 |"
    )
    assert second == "| copy | one layer | 1 | test/loss | at most 1 | 0.5000 |  | 0.2500 | 1 of 1 | 1.0 |"
    assert set(jobs_of(again)) <= set(jobs_of(end))


@pytest.mark.fast
@pytest.mark.parametrize(("reaches", "step"), [(0.5, 200), (0.9, 400), (0.95, None)])
def test_the_first_step_is_that_of_the_first_validation_that_is_good_enough(
    reaches: float, step: int | None
) -> None:
    accuracies = {100: 0.2, 200: 0.6, 300: 0.4, 400: 0.9}
    rows = [{"step": at, "val/accuracy": value} for at, value in accuracies.items()]
    rows.insert(1, {"step": 150, "train/loss": 2.0})
    found = first_step(rows, metric="val/accuracy", reaches=reaches)
    assert found == step if step is not None else found != found


@pytest.mark.proof
def test_the_study_trains_once_and_reads_the_second_time(capfd: pytest.CaptureFixture[str]) -> None:
    trial = TaskTrial(experiment="copy", arm="tiny", metric="val/accuracy", reaches=0.0, at_most=2.0)
    small = ["data.n_validation=20", "data.n_test=20", "data.batch_size=4", "trainer.max_steps=2"]
    overrides = [*small, "model.d_model=16", "trainer.val_check_interval=2", "scheduler.warmup=1"]
    tables, seconds = [], []
    for _ in range(2):
        study = TaskStudy(name="study", trials=[trial], overrides=overrides)
        study.run(workers=1)
        assert not study.errors
        tables.append(study.table())
        seconds.append(study.records[jobs_of(trial)[0]].started)
    assert tables[0] == tables[1]
    assert seconds[0] == seconds[1]
    assert "| 1 of 1 |" in tables[0]
