import os
from typing import Any

import pytest
from hydra.errors import InstantiationException
from hydra.utils import instantiate

from tuneformer.config.whitelist import (
    PROJECT_TARGETS,
    allowed_targets,
    check_targets,
    target_modules,
    whitelisted,
)
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

REFUSED = [
    "os.system",
    "builtins.eval",
    "subprocess.run",
    "torch.load",
    "torch.optimal.X",
    "tuneformerx.Y",
    "hydra.utils.instantiate",
    "",
]


@pytest.mark.parametrize("target", ["tuneformer.models.decoder.Decoder", "torch.optim.AdamW"])
def test_what_the_project_is_for_may_be_called(target: str) -> None:
    check_targets({"a": {"_target_": target}})


@pytest.mark.parametrize("target", REFUSED)
def test_anything_else_is_refused_with_the_setting_and_what_is_allowed(target: str) -> None:
    with pytest.raises(UserError) as error:
        check_targets({"optimizer": {"_target_": target}})
    told = str(error.value)
    assert told.startswith(f"optimizer._target_={target} is not allowed: ")
    assert all(pattern in told for pattern in PROJECT_TARGETS)
    assert "\n" not in told


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ({"a": {"b": {"_target_": "os.system"}}}, "a.b._target_="),
        ({"a": [{"_target_": "torch.optim.SGD"}, {"b": {"_target_": "os.system"}}]}, "a[1].b._target_="),
        ({"a": [[{"_target_": "os.system"}]]}, "a[0][0]._target_="),
        ({"a": {"_target_": 3}}, "a._target_=3"),
    ],
)
def test_a_target_is_found_wherever_it_hides(config: dict[str, Any], where: str) -> None:
    with pytest.raises(UserError) as error:
        check_targets(config)
    assert str(error.value).startswith(where)


def test_the_environment_can_allow_packages_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = {"_target_": "mypackage.optim.Mine"}
    with pytest.raises(UserError, match=r"TUNEFORMER_ALLOW=<package>\.\* adds one"):
        check_targets(mine)
    monkeypatch.setenv("TUNEFORMER_ALLOW", " other.Thing, mypackage.* ,")
    check_targets(mine)
    check_targets({"_target_": "other.Thing"})
    with pytest.raises(UserError):
        check_targets({"_target_": "other.Things"})
    with pytest.raises(UserError):
        check_targets({"_target_": "mypackage2.Mine"})
    assert allowed_targets() == [*PROJECT_TARGETS, "other.Thing", "mypackage.*"]


@pytest.mark.parametrize("target", ["os.getcwd", "subprocess.run", "pathlib.Path"])
def test_hydra_itself_refuses_what_is_not_allowed(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEFORMER_ALLOW", "")
    with whitelisted(), pytest.raises(InstantiationException):
        instantiate({"_target_": target})


def test_hydra_builds_what_the_environment_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = {"_target_": "collections.Counter"}
    with whitelisted(), pytest.raises(InstantiationException):
        instantiate(counter)
    monkeypatch.setenv("TUNEFORMER_ALLOW", "collections.Counter")
    with whitelisted():
        assert instantiate(counter) == {}
    assert os.environ["TUNEFORMER_ALLOW"] == "collections.Counter"


def test_the_modules_of_a_configuration_are_those_of_the_projects_own_targets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TUNEFORMER_ALLOW", "mypackage.*")
    config = {
        "optimizer": {"_target_": "torch.optim.Muon", "rest": {"_target_": "pytorch_optimizer.Lion"}},
        "callbacks": [{"_target_": "tuneformer.callbacks.progress.Progress"}],
        "model": {"_target_": "mypackage.nets.Mine"},
    }
    assert target_modules(config) == {"torch.optim", "pytorch_optimizer", "tuneformer.callbacks.progress"}
