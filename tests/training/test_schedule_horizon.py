"""The rates of a real run: those of the schedule over trainer.max_steps, however a step is made up."""

from pathlib import Path

import pytest

from tests.training.conftest import TrainHere
from tests.training.two_ranks import train_in_two_ranks
from tuneformer.checks.config import check_config
from tuneformer.checks.lint import factor_of
from tuneformer.config.compose import compose_config
from tuneformer.config.options import list_options
from tuneformer.runs.metrics_file import read_rows

SCHEDULES = list_options("scheduler", [Path(__file__).parents[2] / "conf"])
STEPS = ["trainer.max_steps=12", "trainer.log_every_n_steps=1", "trainer.val_check_interval=12"]


def assert_rates_follow_the_schedule(run: Path, overrides: list[str]) -> None:
    config = check_config(*compose_config(overrides))
    factor, peak = factor_of(config), config["optimizer"]["lr"]
    rates = [row["lr/matrices"] for row in read_rows(run / "metrics.csv")]
    assert rates == pytest.approx([peak * factor(step) for step in range(12)])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_horizon_is_max_steps_also_with_accumulation(
    schedule: str, tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    run = [*tiny, *STEPS, f"scheduler={schedule}", "trainer.accumulate_grad_batches=2"]
    train_here([*run, "run_dir=run"])
    assert_rates_follow_the_schedule(tmp_path / "run", run)


@pytest.mark.proof
def test_the_horizon_is_max_steps_also_in_two_processes(tiny: list[str], tmp_path: Path) -> None:
    runs = {
        f"{schedule}-{accumulate}": [
            *tiny,
            *STEPS,
            f"scheduler={schedule}",
            "trainer=ddp",
            f"trainer.accumulate_grad_batches={accumulate}",
        ]
        for schedule in SCHEDULES
        for accumulate in (1, 2)
    }
    train_in_two_ranks(runs, tmp_path)
    for name, overrides in runs.items():
        assert_rates_follow_the_schedule(tmp_path / name, overrides)
