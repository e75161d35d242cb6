"""Which task data ask for, and what follows from it before torch is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tasks.all_tasks import all_tasks
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.config.options import list_options, load_option
from tuneformer.config.registry import SHIPPED
from tuneformer.data.task_facts import TaskFacts
from tuneformer.errors import UserError
from tuneformer.models.settings_object import tasks_of
from tuneformer.tasks.base import Task
from tuneformer.tasks.lookup import task_class

TASKS = all_tasks()

OF_ONES_OWN = """
from tuneformer.data.synthetic.copy import Copy
from tuneformer.data.task_facts import MetricFacts, TaskFacts

JUGGLING = TaskFacts(
    name="juggling",
    done_by="juggler.task.Juggling",
    metrics=(MetricFacts(name="loss"), MetricFacts(name="caught", higher_is_better=True)),
    inputs=("tokens",),
    as_task="synthetic",
)
ALONE = TaskFacts(name="alone", done_by="juggler.task.Juggling", metrics=JUGGLING.metrics, inputs=("tokens",))


class Balls(Copy):
    tasks = (JUGGLING,)
"""
JUGGLED = "data.task=juggler.JUGGLING"
OPTION = "defaults: [copy, _self_]\n_target_: juggler.Balls\ntask: juggling\n"


@pytest.mark.fast
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
def test_every_task_is_a_class_that_starts_with_its_loss(task: TaskFacts) -> None:
    assert issubclass(task_class(task), Task)
    assert task.metrics[0].name == "loss"
    assert not task.higher_is_better("val/loss")


@pytest.mark.fast
def test_what_a_run_is_judged_by_follows_from_its_task() -> None:
    assert "val/bits_per_byte" in TASKS["language_modelling"].metric_names(averaged=False)
    averaged = check_config(*compose_config(["callbacks=ema", "optimized_metric=val/last_weights_loss"]))
    assert averaged["optimized_metric"] == "val/last_weights_loss"
    with pytest.raises(UserError, match=r"^optimized_metric=val/bleu must be one of val/loss, "):
        check_config(*compose_config(["optimized_metric=val/bleu"]))


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of options with data of one's own, which bring a task of their own."""
    (tmp_path / "juggler.py").write_text(OF_ONES_OWN)
    (tmp_path / "conf" / "data").mkdir(parents=True)
    (tmp_path / "conf" / "data" / "balls.yaml").write_text(OPTION)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TUNEFORMER_ALLOW", "juggler.*")
    monkeypatch.delitem(sys.modules, "juggler", raising=False)
    return tmp_path / "conf"


@pytest.mark.fast
def test_data_of_ones_own_bring_a_task_of_their_own(conf: Path) -> None:
    config = check_config(*compose_config(["data=balls", "optimized_metric=val/caught"], conf))
    assert config["data"]["task"] == "juggling"
    with pytest.raises(
        UserError, match=r"^optimized_metric=val/accuracy must be one of val/loss, val/caught"
    ):
        check_config(*compose_config(["data=balls", "optimized_metric=val/accuracy"], conf))


@pytest.mark.fast
def test_a_task_of_ones_own_may_be_given_to_any_data(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = check_config(*compose_config([JUGGLED, "optimized_metric=val/caught"], conf))
    assert config["optimized_metric"] == "val/caught"
    for task, message in {
        "juggler.ALONE": "model=decoder cannot do data.task=juggler.ALONE, only language_modelling",
        "juggler.Balls": "data.task=juggler.Balls is not a TaskFacts",
    }.items():
        with pytest.raises(UserError) as error:
            check_config(*compose_config([f"data.task={task}"], conf))
        assert str(error.value).startswith(message)
    monkeypatch.delenv("TUNEFORMER_ALLOW")
    with pytest.raises(UserError, match=r"^data\.task=juggler\.JUGGLING must be one of language_modelling"):
        check_config(*compose_config([JUGGLED], conf))


@pytest.mark.fast
def test_every_task_that_a_family_names_is_one_of_the_data() -> None:
    options = {name: load_option("model", name, [SHIPPED]) for name in list_options("model", [SHIPPED])}
    named = {name: tasks_of(each) for name, each in options.items()}
    assert all(named.values())  # that of model=module too, whose class is not named yet
    assert {task for each in named.values() for task in each or ()} == TASKS.keys()


OF_SOMEBODY = """
from torch import nn

class Silent(nn.Module):
    def __init__(self, *, n: int) -> None: ...

class Translates(Silent):
    tasks = ("translation",)
"""


@pytest.mark.fast
def test_a_model_of_ones_own_says_its_tasks_in_its_class(conf: Path) -> None:
    (conf.parent / "juggler.py").write_text(OF_SOMEBODY)
    (conf / "model").mkdir()
    for name in ("Silent", "Translates"):
        (conf / "model" / f"{name.lower()}.yaml").write_text(f"_target_: juggler.{name}\nn: 1\n")
    check_config(*compose_config(["model=silent", "data=digits"], conf))
    with pytest.raises(UserError) as error:
        check_config(*compose_config(["model=translates"], conf))
    assert str(error.value).startswith(
        "model=translates cannot do data.task=language_modelling, only translation: choose model=decoder or"
    )
    assert str(error.value).endswith(" or hf or module")
    (conf / "model" / "silent.yaml").write_text("_target_: juggler.Silent\nn: 1\ntasks: [translation]\n")
    with pytest.raises(UserError, match=r"^model\.tasks cannot be set: the class of a model says its tasks"):
        check_config(*compose_config(["model=silent"], conf))


@pytest.mark.fast
def test_a_task_is_known_without_torch() -> None:
    code = (
        "import sys; from tuneformer.tasks.lookup import task_of;"
        "task_of({'task': 'synthetic', '_target_': 'tuneformer.data.synthetic.copy.Copy'});"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.fast
@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.task=language_modeling", "did you mean language_modelling?"),
        ("+model.tasks=[translation]", "model.tasks cannot be set: the class of a model says its tasks"),
    ],
)
def test_a_task_that_there_is_not_is_one_line(override: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        check_config(*compose_config([override]))
    assert message in str(error.value)
