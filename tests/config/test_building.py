"""What is imported, what it must be, and that settings arrive as they stand."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from torch import nn
from torch.optim import Optimizer

from tuneformer.config.building import bound, build, find_target
from tuneformer.data.contract import Data
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

MINE = """
import os
from os import system
from collections import OrderedDict

class Mine:
    def __init__(self, *, size, part=None):
        self.size, self.part = size, part

    @classmethod
    def doubled(cls, *, size):
        return cls(size=2 * size)

class Part:
    pass

def mine(size) -> Mine:
    return Mine(size=size)

def classes(size) -> list[Mine]:
    return [Mine]

def chosen(size) -> type[Mine]:
    return Mine

def anything(size):
    return size
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The package `mypackage`, which the environment allows."""
    (tmp_path / "mypackage.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TUNEFORMER_ALLOW", "mypackage.*")
    monkeypatch.delitem(sys.modules, "mypackage", raising=False)
    return __import__("mypackage")


def refusal(make: Callable[[], object]) -> str:
    with pytest.raises(UserError) as error:
        make()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_settings_are_arguments_as_they_stand() -> None:
    with pytest.raises(
        UserError, match=r"data\.note is not a setting of tuneformer\.data\.corpora\.text\.Text"
    ):
        build({"_target_": "tuneformer.data.corpora.text.Text", "note": 1}, ("data",), kind=Data)
    settings = {"_target_": "tuneformer.data.corpora.text.Text", "path": "${oc.env:HOME}"}
    assert bound(settings, ("data",), kind=Data).keywords == {"path": "${oc.env:HOME}"}


def test_what_is_called_later_is_a_partial_with_copies_of_the_settings() -> None:
    settings = {"_target_": "torch.optim.AdamW", "_partial_": True, "betas": [0.9, 0.95]}
    made = build(settings, ("optimizer",), kind=Optimizer)
    assert isinstance(made, partial)
    made.keywords["betas"].append(1)
    assert settings["betas"] == [0.9, 0.95]


def test_what_is_registered_must_be_what_its_place_is_for() -> None:
    decoder = {"_target_": "tuneformer.models.decoder.Decoder"}
    assert refusal(lambda: bound(decoder, ("model",), kind=Optimizer)).endswith("Decoder is not a model")
    line = refusal(lambda: find_target("torch.optim.lr_scheduler", ("optimizer",), kind=Optimizer))
    assert "cannot be imported" in line


@pytest.mark.parametrize(
    "function", ["create_optimizer", "load_optimizer", "load_bnb_optimizer", "get_supported_optimizers"]
)
def test_a_function_of_a_library_that_chooses_an_optimizer_is_none(function: str) -> None:
    settings = {"_target_": f"pytorch_optimizer.{function}", "_partial_": True}
    line = refusal(lambda: build(settings, ("optimizer",), kind=Optimizer))
    assert f"{function} is not a class: an optimizer is wanted" in line


def test_a_class_of_ones_own_takes_others_and_is_held_to_the_kind(package: Any) -> None:
    settings = {"_target_": "mypackage.Mine", "size": 3, "part": {"_target_": "mypackage.Part"}}
    made = build(settings, ("model",), kind=package.Mine)
    assert isinstance(made.part, package.Part)
    assert build({"_target_": "mypackage.mine", "size": 3}, ("model",), kind=package.Mine).size == 3
    assert build({"_target_": "mypackage.Mine.doubled", "size": 3}, ("model",), kind=package.Mine).size == 6
    assert refusal(lambda: build(settings, ("model",), kind=nn.Module)).endswith("Mine is not a model")
    for name in ("classes", "chosen"):
        other = {"_target_": f"mypackage.{name}", "size": 3}
        assert refusal(lambda other=other: build(other, ("model",), kind=package.Mine)).endswith(
            "not a model"
        )
    anything = {"_target_": "mypackage.anything", "size": 3}
    assert refusal(lambda: build(anything, ("model",), kind=nn.Module)).endswith(
        "makes int, which is not a model"
    )


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("mypackage.os.system", "has no class or function of that name"),
        ("mypackage.os", "has no class or function of that name"),
        ("mypackage.system", "is not of mypackage but of"),
        ("mypackage.OrderedDict", "is not of mypackage but of collections"),
        ("mypackage.Mine.__init__.__globals__", "is not a name"),
        ("mypackage.Nothing", "has no class or function of that name"),
        ("mypackage.Mine()", "is not a name"),
        ("mypackage.", "is not a name"),
    ],
)
def test_a_package_that_is_allowed_does_not_allow_what_it_has_imported(
    package: ModuleType, target: str, expected: str
) -> None:
    assert expected in refusal(lambda: build({"_target_": target}, ("model",), kind=object))


def test_inside_a_class_of_ones_own_strangers_stay_strangers(package: ModuleType) -> None:
    settings = {"_target_": "mypackage.Mine", "size": 1, "part": {"_target_": "os.getcwd"}}
    line = refusal(lambda: build(settings, ("model",), kind=object))
    assert line.startswith("model.part._target_=os.getcwd is not what a model may be")
