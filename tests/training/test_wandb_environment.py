"""W&B's variables are defaults: what is set wins, and what nobody set is ours."""

from typing import Any

import pytest

from tuneformer.config.compose import compose_config
from tuneformer.training.loggers.wandb_environment import described

pytestmark = pytest.mark.fast

OURS: dict[str, Any] = {"name": "adamw-cosine", "sweep": None, "tags": [], "notes": ""}
VARIABLES = {
    "WANDB_PROJECT": "theirs",
    "WANDB_ENTITY": "team",
    "WANDB_NAME": "baseline",
    "WANDB_TAGS": "a, b",
    "WANDB_NOTES": "why",
    "WANDB_RUN_GROUP": "group",
    "WANDB_JOB_TYPE": "ablation",
}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    compose_config([])  # HydraConfig says that nothing was typed


def shown(config: dict[str, Any], project: str | None = None) -> list[Any]:
    found = described(config, project=project, entity=None)
    return [found[name] for name in ("project", "entity", "name", "tags", "notes", "group", "job_type")]


def test_a_variable_stands_above_ours_and_below_what_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(OURS) == ["tuneformer", None, "adamw-cosine", [], None, None, "train"]
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert shown(OURS) == ["theirs", "team", "baseline", ["a", "b"], "why", "group", "ablation"]
    set_ = {"name": "mine", "sweep": "grid", "tags": ["x"], "notes": "mine too"}
    assert shown(set_, project="p") == ["p", "team", "mine", ["x"], "mine too", "grid", "ablation"]
    assert described(OURS | {"sweep": "2026-01-02_03-04-05"}, project=None, entity=None)["group"] == "group"
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    assert shown(OURS) == ["tuneformer", None, "adamw-cosine", [], None, None, "train"]


def test_a_name_that_was_typed_wins_though_it_is_the_one_we_would_give(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_NAME", "baseline")
    compose_config(["experiment=smoke"])
    assert described(OURS | {"name": "smoke"}, project=None, entity=None)["name"] == "baseline"
    compose_config(["name=adamw-cosine"])
    assert described(OURS, project=None, entity=None)["name"] == "adamw-cosine"
