from pathlib import Path

import pytest

from benchmarks.growth import Growth, draw, fitted_line
from benchmarks.memory import measure_against_loop
from benchmarks.projection import H100, StepCount, count_step, step_seconds

TRAIN = Path(__file__).parents[2] / "train.py"


@pytest.mark.fast
def test_exponents_and_the_line_are_those_that_were_planted(tmp_path: Path) -> None:
    values = (64, 128, 256, 512)
    seconds = tuple(3e-6 * value**1.5 for value in values)
    growth = Growth(axis="width", values=values, seconds=seconds, mib=tuple(2.0 * v for v in values))
    assert growth.time_exponent == pytest.approx(1.5)
    assert growth.last_exponent == pytest.approx(1.5)
    assert growth.memory_exponent == pytest.approx(1.0)
    start, each = fitted_line((2, 4, 8), (9.0, 11.0, 15.0))
    assert (start, each) == (pytest.approx(7.0), pytest.approx(1.0))
    draw(tmp_path / "growth.png", [growth], runs=(2, 4, 8), seconds=(9.0, 11.0, 15.0))
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.fast
def test_a_step_on_paper_is_arithmetic_or_kernels_and_the_gradients() -> None:
    large = StepCount(flops=64 * 989e12 * 0.4, parameters=10**9, n_kernels=1000, n_sequences=512)
    assert step_seconds(large, n_devices=1, device=H100) == pytest.approx(64.0)
    # a 64th of the arithmetic, and 63/64 of twice 4 GB over 50 GB/s
    assert step_seconds(large, n_devices=64, device=H100) == pytest.approx(1.0 + 2 * 63 / 64 * 4 / 50)
    small = StepCount(flops=1e9, parameters=1000, n_kernels=1000, n_sequences=24)
    assert step_seconds(small, n_devices=1, device=H100) == pytest.approx(5e-3)


def test_a_step_of_a_recipe_is_counted(small_settings: list[str]) -> None:
    step = count_step([*small_settings, "scheduler.warmup=1"])
    deeper = count_step([*small_settings, "scheduler.warmup=1", "model.n_layers=2"])
    assert step.n_sequences == 4
    # 6 operations a weight and token, of four matrices of attention at least
    assert step.flops > 6 * 4 * 16 * 16 * 16 * 4
    assert step.n_kernels < deeper.n_kernels < 2 * step.n_kernels
    assert deeper.parameters > step.parameters


@pytest.mark.proof
def test_the_hand_written_loop_takes_less_memory_than_the_framework(tmp_path: Path) -> None:
    found = measure_against_loop(TRAIN, repeats=1)
    assert 100 < found.their_median < found.our_median
