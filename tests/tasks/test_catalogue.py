"""The table of tasks, and what follows from it before torch is imported."""

import subprocess
import sys

import pytest

from tuneformer.checks import check_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError
from tuneformer.tasks import catalogue
from tuneformer.tasks.base import Task
from tuneformer.tasks.catalogue import TASKS, TaskEntry, higher_is_better, metric_names, task_class


@pytest.mark.fast
@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_a_class_that_starts_with_its_loss(task: str) -> None:
    assert issubclass(task_class(task), Task)
    assert TASKS[task].metrics[0].name == "loss"
    assert not higher_is_better("val/loss")


@pytest.mark.fast
def test_what_a_run_is_judged_by_follows_from_its_task() -> None:
    assert "val/bits_per_byte" in metric_names("language_modelling", averaged=False)
    averaged = check_config(*compose_config(["callbacks=ema", "optimized_metric=val/last_weights_loss"]))
    assert averaged["optimized_metric"] == "val/last_weights_loss"
    with pytest.raises(UserError, match=r"^optimized_metric=val/bleu must be one of val/loss, "):
        check_config(*compose_config(["optimized_metric=val/bleu"]))


@pytest.mark.fast
def test_a_model_that_cannot_do_the_task_is_one_line_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    other = TaskEntry(module="nowhere", name="Nothing", metrics=TASKS["language_modelling"].metrics)
    monkeypatch.setitem(TASKS, "juggling", other)
    with pytest.raises(UserError) as error:
        check_config(*compose_config(["data.task=juggling"]))
    assert str(error.value).startswith("model=decoder cannot do data.task=juggling, only language_modelling")
    assert "\n" not in str(error.value)
    code = f"import sys, {catalogue.__name__}, tuneformer.tasks.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.fast
@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.task=language_modeling", "did you mean language_modelling?"),
        ("model.tasks=[translation]", "model.tasks cannot be set: it is what model=decoder can do"),
    ],
)
def test_a_task_that_there_is_not_is_one_line(override: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        check_config(*compose_config([override]))
    assert message in str(error.value)
