from collections.abc import Sequence

import pytest

from tuneformer.config.argument_form import check_form
from tuneformer.errors import UserError

OPTIONS = ("--multirun", "-m", "--cfg", "--config-dir", "-cd", "--info")
WITH_VALUE = ("--cfg", "--config-dir", "-cd", "--info")

pytestmark = pytest.mark.fast


def told(arguments: Sequence[str]) -> str:
    with pytest.raises(UserError) as error:
        check_form(arguments, OPTIONS, WITH_VALUE)
    return str(error.value)


@pytest.mark.parametrize(
    ("arguments", "write"),
    [
        ("optimizer.lr 0.01", "optimizer.lr=0.01"),
        ("optimizer.lr -0.01", "optimizer.lr=-0.01"),
        ("optimizer.lr: 0.01", "optimizer.lr=0.01"),
        ("optimizer.lr:0.01", "optimizer.lr=0.01"),
        ("optimizer = adamw", "optimizer=adamw"),
        ("optimizer =adamw", "optimizer=adamw"),
        ("optimizer= adamw", "optimizer=adamw"),
        ("seed=1 lr 0.1", "optimizer.lr=0.1"),
        ("seed", "seed=<value>"),
    ],
)
def test_a_setting_apart_from_its_value_is_written_as_one(arguments: str, write: str) -> None:
    assert told(arguments.split()).endswith(f" is not an override: write {write}")


@pytest.mark.parametrize(
    ("arguments", "write"),
    [
        ("--optimizer.lr=0.01", "optimizer.lr=0.01"),
        ("--optimizer.lr 0.01", "optimizer.lr=0.01"),
        ("-lr 0.1", "optimizer.lr=0.1"),
        ("--learning-rate=0.1", "optimizer.lr=0.1"),
        ("seed=1 --sweep mine -m", "sweep=mine"),
        ("--optimizer adamw", "optimizer=adamw"),
        ("--nonsense", "setting=value (--help lists them)"),
    ],
)
def test_a_setting_with_dashes_is_written_without(arguments: str, write: str) -> None:
    assert told(arguments.split()).endswith(
        f" is not an option: settings are written without dashes, {write}"
    )


def test_an_option_of_a_group_is_chosen_by_the_group() -> None:
    assert told(["muon"]) == "muon is not an override: did you mean optimizer=muon?"
    assert told(["smoke", "seed=1"]) == "smoke is not an override: did you mean experiment=smoke?"


@pytest.mark.parametrize(
    "arguments",
    [
        "seed=1 -m",
        "--multi seed=1",
        "--config-dir mine seed=1",
        "--config-dir=mine seed=1",
        "-cd mine",
        "--info defaults",
        "~callbacks.sample",
        "+optimizer.x=1 ++a=2",
        "data.path=a:b",
        "optimizer.betas=[0.9,0.95]",
    ],
)
def test_options_and_overrides_pass(arguments: str) -> None:
    check_form(arguments.split(), OPTIONS, WITH_VALUE)
