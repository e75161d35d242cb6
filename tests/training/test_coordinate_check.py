import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.training.coordinate_check.measure import Changes, measure_changes, slope
from tuneformer.training.coordinate_check.show import verdict
from tuneformer.training.start import prepare_data

Command = Callable[..., Any]
MUP = ["model=decoder_mup", "param_groups=mup"]


def changes_of(settings: list[str], *overrides: str, widths: list[int], seeds: int, steps: int) -> Changes:
    def config_of(width: int, seed: int) -> dict[str, Any]:
        given = [*settings, *overrides, f"model.d_model={width}", f"seed={seed}"]
        return check_config(*compose_config(given))

    data, prepared = prepare_data(config_of(widths[0], 0))
    return measure_changes(
        config_of,
        data=data,
        prepared=prepared,
        steps=steps,
        widths=widths,
        seeds=range(seeds),
        told=lambda: None,
    )


@pytest.mark.fast
@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 2.0])
def test_the_slope_is_the_power_of_the_width(power: float) -> None:
    assert slope({width: 3 * width**power for width in (32, 64, 256)}) == pytest.approx(power)


@pytest.mark.fast
def test_the_verdict_names_the_steepest() -> None:
    flat: Changes = {"a": {32: 1.0, 64: 1.0}, "b": {32: 1.0, 64: 1.05}}
    assert verdict(flat).startswith("flat: no slope is steeper than +0.070 (b)")
    assert verdict(flat | {"c": {32: 1.0, 64: 0.5}}).startswith(
        "not flat: changes shrink with the width, c as"
    )


def test_nothing_moves_at_a_rate_of_nearly_zero_and_no_random_state_does(small_settings: list[str]) -> None:
    before = torch.get_rng_state()
    changes = changes_of(small_settings, "optimizer.lr=1e-30", widths=[16, 32], seeds=1, steps=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert set(changes) == {"blocks.0.attention", "blocks.0.feed_forward", "blocks.0", "logits"}
    assert all(change == 0 for by_width in changes.values() for change in by_width.values())


def test_activations_move_by_what_one_step_of_sign_descent_does(small_settings: list[str]) -> None:
    changes = changes_of(small_settings, "optimizer.lr=1e-3", widths=[16, 32], seeds=2, steps=1)
    assert all(0 < change < math.inf for by_width in changes.values() for change in by_width.values())


@pytest.mark.proof
@pytest.mark.usefixtures("muon_in_float32")
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_under_mup_activations_move_alike_at_every_width_and_grow_otherwise(
    optimizer: str, small_settings: list[str]
) -> None:
    run = [*small_settings, f"optimizer={optimizer}", "model.n_layers=2", "model.n_heads=4"]
    run += ["data.context_length=64", "data.batch_size=16"]
    measured = {"widths": [32, 64, 128, 256, 512], "seeds": 4, "steps": 5}
    transferred = changes_of(run, *MUP, **measured)
    assert {
        name: slope(by_width) for name, by_width in transferred.items() if abs(slope(by_width)) >= 0.1
    } == {}
    standard = changes_of(run, "model.initialization=gpt2", **measured)
    assert all(slope(by_width) > 0.3 for by_width in standard.values())


def test_the_command_prints_draws_and_leaves_no_run(
    command: Command, small_settings: list[str], tmp_path: Path
) -> None:
    answer = command(
        "scripts/coordinate_check.py",
        *small_settings,
        *MUP,
        "--widths=16,32",
        "--seeds=1",
        "--steps=1",
        "--png=check.png",
    )
    assert answer.status == 0
    assert any(line.startswith("drawn: check.png") for line in answer.out)
    assert (tmp_path / "check.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--widths=32"], "error: --widths=32 must be at least two numbers"),
        (["--widths=32,a"], "error: --widths=32,a must be at least two numbers"),
        (["--steps=0"], "error: --steps=0 must be from 1 to 10,000"),
        (["--widths=30,64"], "error: model.d_model=30 must be a multiple of model.n_heads=4"),
    ],
)
def test_bad_input_of_the_check_is_one_line(arguments: list[str], message: str, command: Command) -> None:
    answer = command("scripts/coordinate_check.py", *arguments)
    assert (answer.status, answer.out, len(answer.err)) == (2, [], 1)
    assert answer.err[0].startswith(message)
