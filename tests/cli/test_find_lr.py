import csv
import math
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.training.lr_range_test.run import Sweep, sweep_rates
from tuneformer.training.lr_range_test.suggestion import BELOW_KNEE, smooth, suggest
from tuneformer.training.start import prepare_data, train

Command = Callable[..., Any]


def sweep(settings: list[str], *, low: float, high: float, steps: int) -> Sweep:
    config = check_config(*compose_config(settings))
    data, prepared = prepare_data(config)
    return sweep_rates(
        config, data=data, prepared=prepared, low=low, high=high, steps=steps, told=lambda _: None
    )


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "schedule_free_adamw"])
def test_the_rates_grow_geometrically_and_the_losses_repeat(
    optimizer: str, small_settings: list[str]
) -> None:
    settings = [*small_settings, f"optimizer={optimizer}"]
    first, second = (sweep(settings, low=1e-6, high=1e-3, steps=16) for _ in range(2))
    assert first == second
    assert first.rates == pytest.approx([1e-6 * 1000 ** (step / 15) for step in range(16)])
    assert all(math.isfinite(loss) for loss in first.losses)


def test_accumulated_parts_are_one_step_of_the_same_loss(small_settings: list[str]) -> None:
    whole = sweep(small_settings, low=1e-6, high=1e-3, steps=8)
    parts = sweep([*small_settings, "trainer.accumulate_grad_batches=2"], low=1e-6, high=1e-3, steps=8)
    assert parts.rates == whole.rates
    assert parts.losses == pytest.approx(whole.losses, abs=1e-4)


def test_it_stops_where_the_loss_blows_up(small_settings: list[str]) -> None:
    blown = sweep([*small_settings, "optimizer=sgd"], low=1e-3, high=1e9, steps=60)
    assert len(blown.losses) < 60
    assert not blown.losses[-1] < 1.5 * blown.losses[0]


def test_it_leaves_no_trace_in_any_state(small_settings: list[str], tmp_path: Path) -> None:
    config = check_config(*compose_config([*small_settings, "trainer.threads=2", "model.dropout=0.1"]))
    data, prepared = prepare_data(config)

    def state() -> list[Any]:
        switches = [torch.get_num_threads(), torch.get_float32_matmul_precision(), torch.get_default_dtype()]
        drawn = [torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()]
        return [*switches, *drawn, dict(os.environ), sorted(tmp_path.rglob("*"))]

    before = state()
    sweep_rates(config, data=data, prepared=prepared, low=1e-6, high=1e-3, steps=5, told=lambda _: None)
    assert state() == before


def test_a_run_after_it_is_the_run_without_it(small_settings: list[str]) -> None:
    run = [*small_settings, "trainer.max_steps=4"]
    alone = train(check_config(*compose_config([*run, "run_dir=alone"])))
    sweep(small_settings, low=1e-6, high=1e-3, steps=5)
    assert train(check_config(*compose_config([*run, "run_dir=after"]))) == alone


@pytest.mark.fast
def test_the_smoothed_loss_is_the_corrected_moving_average() -> None:
    assert smooth([4.0, 2.0, 3.0]) == pytest.approx(
        [4.0, (0.9 * 4 + 2) / 1.9, (0.81 * 4 + 0.9 * 2 + 3) / 2.71]
    )


@pytest.mark.fast
def test_the_suggestion_lies_below_the_knee_of_a_fall() -> None:
    rates = [10 ** (-5 + 5 * step / 4999) for step in range(5000)]  # smoothing hardly lags
    losses = [5 - 2 / (1 + (1e-3 / rate) ** 4) for rate in rates]  # 95 % are done at 1e-3 * 19^(1/4)
    losses[-500:] = [9.0] * 500
    found = suggest(rates, losses)
    assert found.rate == pytest.approx(1e-3 * 19**0.25 / BELOW_KNEE, rel=0.05)
    assert found.reason.startswith("by 0.00")


@pytest.mark.fast
@pytest.mark.parametrize(
    ("losses", "reason"),
    [
        ([5.0] * 30, "the loss never fell"),
        ([5.0 + step for step in range(30)], "the loss never fell"),
        ([math.nan] * 3, "the loss never fell"),
        (
            [5.0 - 0.1 * step for step in range(30)],
            "the loss still fell at the end of the range, 0.3: raise --high",
        ),
    ],
)
def test_no_rate_is_suggested_where_the_losses_show_none(losses: list[float], reason: str) -> None:
    found = suggest([0.01 * (step + 1) for step in range(len(losses))], losses)
    assert found.rate is None
    assert found.reason.startswith(reason)


def test_the_command_shows_draws_and_writes(
    command: Command, small_settings: list[str], tmp_path: Path
) -> None:
    answer = command("scripts/find_lr.py", *small_settings, "--steps=30", "--to=found")
    assert answer.status == 0
    assert answer.out[0] == "training loss over learning rate, smoothed"
    assert answer.out[-1] == "written: found.png found.csv"
    rows = list(csv.reader((tmp_path / "found.csv").read_text().splitlines()))
    assert rows[0] == ["lr", "train/loss"]
    assert float(rows[1][0]) == pytest.approx(2e-6)
    assert (tmp_path / "found.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--low=1", "--high=0.1"], "error: --low=1 must be positive and below --high=0.1"),
        (["--low=0"], "error: --low=0.0 must be positive"),
        (["--high=inf"], "error: --high=inf must be a finite number"),
        (["--low=-1"], "error: --low=-1.0 must be positive"),
        (["--steps=5"], "error: --steps=5 must be at least 20"),
        (["optimizer=adamx"], "error: optimizer=adamx"),
    ],
)
def test_bad_input_of_find_lr_is_one_line_with_status_2(
    arguments: list[str], message: str, command: Command
) -> None:
    answer = command("scripts/find_lr.py", *arguments)
    assert (answer.status, answer.out, len(answer.err)) == (2, [], 1)
    assert answer.err[0].startswith(message)
