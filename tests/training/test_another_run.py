"""What is offered where a folder holds another run, whatever its files lack."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.records import record_of
from tuneformer.checks.config import checked_config
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.record import STATUSES
from tuneformer.training.another_run import alternatives
from tuneformer.training.branch import find_branch

pytestmark = pytest.mark.fast

SETTINGS = ["experiment=smoke", "scheduler=wsd", "scheduler.warmup=5", "logger=none"]
RECORD: dict[str, Any] = {
    "config_hash": "0123",
    "data": {"fingerprint": "45"},
    "metrics": {"final": {}, "best": {"step": 20.0}},
    "restarts": 0,
    "started": "2026-01-01T00:00:00+00:00",
    "steps": 30,
    "wall_seconds": 2.5,
}
LACKING = (
    "scheduler",
    "callbacks",
    "param_groups",
    "scheduler._target_",
    "scheduler.warmup",
    "trainer",
    "trainer.max_steps",
)


def planted(config: dict[str, Any], **record: Any) -> RunDirectory:
    directory = RunDirectory(Path("there"))
    directory.checkpoints.mkdir(parents=True)
    (directory.checkpoints / "last.ckpt").touch()
    (directory.checkpoints / "best.ckpt").touch()
    directory.write_config(config)
    directory.write_record(record_of(**RECORD | record))
    return directory


def without(config: dict[str, Any], path: str) -> dict[str, Any]:
    group, _, key = path.partition(".")
    if not key:
        return {name: value for name, value in config.items() if name != group}
    return config | {group: {name: value for name, value in config[group].items() if name != key}}


@pytest.mark.parametrize("status", STATUSES)
def test_going_on_is_offered_for_what_has_not_ended_only(status: str) -> None:
    directory = planted(checked_config(SETTINGS), status=status)
    said = alternatives(checked_config([*SETTINGS, "optimizer.lr=0.5"]), directory)
    if status in ("diverged", "pruned"):
        assert said == ""
    elif status in ("finished", "stopped"):
        assert "init_from=there" in said
        assert "goes on" not in said
    else:
        assert said == "; run_dir=there with nothing else typed goes on with it as it is"


@pytest.mark.parametrize("path", [*LACKING, "scheduler.cooldown"])
def test_a_configuration_that_lacks_a_setting_is_no_trunk(path: str) -> None:
    config = checked_config([*SETTINGS, "trainer.max_steps=900", "branch_from=there"])
    directory = planted(without(checked_config(SETTINGS), path), status="finished")
    assert "branch_from" not in alternatives(config, directory)
    with pytest.raises(UserError) as error:
        find_branch(config, fingerprint="45")
    assert path.rpartition(".")[2] in str(error.value)


@pytest.mark.parametrize(
    ("record", "more", "message"),
    [
        ({"steps": None}, [], "there/record.json is damaged: it has no steps"),
        ({"data": {}}, [], "there/record.json is damaged: it has no data.fingerprint"),
        ({"metrics": {"best": {"step": "nan"}}}, ["init_weights=best"], "metrics.best.step must be a number"),
        ({"metrics": {"best": {"step": 1.5}}}, ["init_weights=best"], "metrics.best.step must be a number"),
        ({"metrics": {}}, ["init_weights=best"], "has no best weights: choose init_weights=last"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_record_that_lacks_what_starting_from_it_needs(
    record: dict[str, Any], more: list[str], message: str
) -> None:
    directory = planted(checked_config(SETTINGS))
    known = json.loads(directory.record_file.read_text()) | record
    kept = {name: value for name, value in known.items() if name not in record or value is not None}
    directory.record_file.write_text(json.dumps(kept))
    with pytest.raises(UserError) as error:
        checked_config([*SETTINGS, "init_from=there", *more])
    assert message in str(error.value)


@pytest.mark.parametrize("group", ["optimizer", "param_groups"])
def test_a_kept_optimizer_needs_to_know_which_it_was(group: str) -> None:
    planted(without(checked_config(SETTINGS), group))
    with pytest.raises(UserError) as error:
        checked_config([*SETTINGS, "init_from=there", "init_optimizer=kept"])
    assert str(error.value) == f"there/config.yaml is damaged: it has no {group}"
