"""Every task that data of conf/ asks for."""

from pathlib import Path

from tuneformer.config.building import component_of
from tuneformer.config.options import list_options, load_option
from tuneformer.data.task_facts import TaskFacts

CONF = Path(__file__).parents[2] / "conf"


def all_tasks() -> dict[str, TaskFacts]:
    """By name."""
    options = (load_option("data", name, [CONF]) for name in list_options("data", [CONF]))
    return {task.name: task for each in options for task in getattr(component_of(("data",), each), "tasks")}  # noqa: B009
