from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.config.options import list_options
from tuneformer.inference.loading import Run
from tuneformer.runs.metrics_file import read_rows
from tuneformer.training.preview.plan import TrainingPlan, lint_groups, make_plan
from tuneformer.training.start import train

Command = Callable[..., Any]
CONF = Path(__file__).parents[2] / "conf"
OPTIMIZERS = [name for name in list_options("optimizer", [CONF]) if name != "any"]


def plan_of(*overrides: str) -> TrainingPlan:
    return make_plan(check_config(*compose_config([*overrides])), needs={"vocab_size": 256})


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_the_curves_are_those_that_a_run_follows(optimizer: str, small_settings: list[str]) -> None:
    overrides = [
        *small_settings,
        f"optimizer={optimizer}",
        "scheduler=wsd",
        "param_groups.weight_decay_end=2.0",
    ]
    overrides += ["trainer.max_steps=12", "scheduler.warmup=2", "trainer.log_every_n_steps=1", "run_dir=run"]
    plan = plan_of(*overrides)
    train(check_config(*compose_config(overrides)))
    rows = read_rows(Path("run/metrics.csv"))
    assert plan.steps == list(range(12))
    for group in plan.groups:
        for kind, planned in (("lr", group.lr), ("weight_decay", group.weight_decay)):
            assert [row[f"{kind}/{group.name}"] for row in rows] == pytest.approx(planned)


@pytest.mark.fast
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_can_be_planned_and_covers_every_parameter_once(optimizer: str) -> None:
    groups = plan_of(f"optimizer={optimizer}", "trainer.max_steps=100").groups
    names = [name for group in groups for name in group.shapes]
    assert len(names) == len(set(names)) == 38
    assert sum(group.n_parameters for group in groups) == 824_448


@pytest.mark.fast
def test_decay_where_there_usually_is_none_is_remarked_upon() -> None:
    assert lint_groups(plan_of().groups) == []
    (line,) = lint_groups(plan_of("param_groups=uniform").groups)
    assert line.startswith("param_groups: token_embedding.weight and 9 more of the group all decay")
    assert lint_groups(plan_of("param_groups=uniform", "optimizer.weight_decay=0").groups) == []


def test_everything_is_shown_and_drawn_and_nothing_trained(
    command: Command, small_settings: list[str], tmp_path: Path
) -> None:
    answer = command("scripts/preview.py", *small_settings, "scheduler=constant", "--png=curves.png")
    text = "\n".join(answer.out)
    assert (answer.status, answer.err) == (0, [])
    assert "learning rate over optimizer steps" in text
    assert "token_embedding.weight" in text
    assert any(line.startswith("note: scheduler constant ends at") for line in answer.out)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "outputs").exists()


def test_what_a_run_would_start_from_is_shown(
    command: Command, small_settings: list[str], small_run: Run
) -> None:
    answer = command("scripts/preview.py", *small_settings, f"init_from={small_run.path}")
    shown = f"starting from the weights of {small_run.path} at step 3, with a fresh optimizer"
    assert (answer.status, shown in answer.out) == (0, True)


WRONG = "error: trainer.max_steps=-7 must be at least 1 and at most 10,000,000,000"


@pytest.mark.parametrize("script", ["preview", "find_lr", "coordinate_check"])
def test_scripts_take_further_options_as_train_py_does(script: str, command: Command, tmp_path: Path) -> None:
    file = tmp_path / "mine" / "experiment" / "wrong.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("# @package _global_\ntrainer: {max_steps: -7}\n", encoding="utf-8")
    for arguments in (
        ["--config-dir=mine", "experiment=wrong"],
        ["experiment=wrong", "-cd", "mine", "seed=1"],
    ):
        answer = command(f"scripts/{script}.py", *arguments)
        assert (answer.status, answer.err) == (2, [WRONG])
    answer = command(f"scripts/{script}.py", "-cd", "nowhere")
    assert answer.err == ["error: --config-dir=nowhere is not a folder: give one with options, as conf has"]
    answer = command(f"scripts/{script}.py", "-cd", "mine", "experiment=wrongg")
    assert answer.err[0].startswith("error: experiment=wrongg is not an option (did you mean wrong?)")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["optimizer.lrr=1"], "error: optimizer.lrr is not a setting: did you mean optimizer.lr?"),
        (["scheduler.floor=1.5"], "error: scheduler.floor=1.5 must be"),
        (["scheduler=sine"], "error: scheduler=sine"),
    ],
)
def test_bad_input_of_preview_is_one_line_with_status_2(
    overrides: list[str], message: str, command: Command
) -> None:
    answer = command("scripts/preview.py", *overrides)
    assert (answer.status, answer.out, len(answer.err)) == (2, [], 1)
    assert answer.err[0].startswith(message)
