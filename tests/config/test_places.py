"""Settings that name places: nothing is written anywhere but where it is promised."""

from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

import pytest

from tuneformer.config.places import check_places, check_sweep_name, path_argument
from tuneformer.errors import UserError
from tuneformer.sweeps.folders import SWEEPS, sweep_folder
from tuneformer.sweeps.job_names import job_name

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    "sweep", ["../../x", "/abs", "", ".", "..", "a/../b", "a//b", "a/", " ", "a/.", "a\0b", "a\x1bb", "a\nb"]
)
def test_a_sweep_lies_below_the_folder_of_sweeps(sweep: str) -> None:
    for refuse in (check_sweep_name, sweep_folder, lambda name: check_places({"sweep": name})):
        with pytest.raises(UserError, match=r"^sweep=") as error:
            refuse(sweep)
        assert len(str(error.value).splitlines()) == 1


def test_a_sweep_may_have_folders_in_its_name() -> None:
    assert sweep_folder("studies/optimizers.2") == SWEEPS / "studies/optimizers.2"
    assert sweep_folder(None).parent == SWEEPS
    check_places({"sweep": None})


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"run_dir": ""}, "run_dir is empty"),
        ({"run_dir": "  "}, "run_dir is empty"),
        ({"run_dir": "a\0b"}, "run_dir="),
        ({"branch_from": ""}, "branch_from is empty"),
        ({"data": {"cache_dir": ""}}, "data.cache_dir is empty: give a path or unset TUNEFORMER_CACHE"),
        ({"data": {"cache_dir": "\x1b"}}, "data.cache_dir="),
        ({"data": {"path": ""}}, "data.path is empty"),
        ({"data": {"validation_path": ""}}, "data.validation_path is empty"),
        ({"name": "a\rb"}, "name="),
        ({"name": ""}, "name='' has no letter or digit: give a word"),
        ({"name": " ..-/"}, "name=' ..-/' has no letter or digit"),
        ({"name": "é" * 65}, f"name={'é' * 40}... has 130 bytes: at most 128"),
        (
            {"run_dir": "a/" + "b" * 256},
            f"run_dir=a/{'b' * 38}... is too long: a path has at most 2,000 bytes",
        ),
        ({"init_from": "ab/" * 700}, "init_from="),
        ({"sweep": "日" * 90}, "sweep="),
        ({"run_dir": "~/runs/a"}, "run_dir=~/runs/a begins with ~, which stands for no folder here"),
        ({"search": {"storage": "sqlite:///a\0b"}}, "search.storage="),
        ({"data": {"path": "~nobody here/x"}}, "data.path=~nobody here/x begins with ~, which stands for no"),
        ({"data": {"path": "caf\udce9"}}, "data.path=caf\\udce9 is not UTF-8"),
        ({"notes": "\ud800"}, "notes=\\ud800 is not UTF-8"),
        ({"param_groups": {"rules": [{"name": "\udcff"}]}}, "param_groups.rules=[{'name': "),
    ],
)
def test_a_setting_that_names_no_place_is_refused(config: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError) as error:
        check_places(config)
    assert str(error.value).startswith(named)
    assert str(error.value).isprintable()


def test_places_that_are_places_pass() -> None:
    check_places(
        {"run_dir": "outputs/runs/a b", "name": "adamw/x é", "data": {"path": "x", "cache_dir": "~/c"}}
    )
    check_places({"run_dir": None, "name": "日" * 40, "data": {"path": 3}})


def test_where_scripts_write_is_named() -> None:
    assert path_argument("a/b") == Path("a/b")
    for text in ("", " ", "a\0b", "a\x07b"):
        with pytest.raises(ArgumentTypeError):
            path_argument(text)


def test_the_folder_of_a_job_has_no_control_characters() -> None:
    assert job_name(["name=a\x1b[b", "seed=1"]) == "name=a%1B[b,seed=1"
    assert job_name(["name=a/b%\udcff"]) == "name=a%2Fb%25%ED%B3%BF"
