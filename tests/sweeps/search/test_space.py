from typing import Any

import pytest

from tuneformer.errors import UserError
from tuneformer.sweeps.search.space import Choices, SearchRange, read_space

pytestmark = pytest.mark.fast

LR = {"low": 1e-4, "high": 1e-2, "log": True}


def test_a_space_is_flat_and_knows_its_ends() -> None:
    space = read_space(
        {
            "adamw": {
                "optimizer": {"lr": LR, "betas": {"choices": ["[0.9,0.95]", "[0.9,0.99]"]}},
                "trainer": {"accumulate_grad_batches": {"low": 1, "high": 4}},
            },
            "sgd": {"optimizer": {"momentum": {"low": 0.0, "high": 0.99}}},
        },
        "adamw",
    )
    assert space == {
        "optimizer.lr": SearchRange(low=1e-4, high=1e-2, log=True),
        "optimizer.betas": Choices(values=("[0.9,0.95]", "[0.9,0.99]")),
        "trainer.accumulate_grad_batches": SearchRange(low=1, high=4, log=False),
    }
    accumulate = space["trainer.accumulate_grad_batches"]
    assert isinstance(accumulate, SearchRange)
    assert accumulate.whole
    assert accumulate.corners() == [1, 4]


@pytest.mark.parametrize(
    ("leaf", "reason"),
    [
        (
            {"low": 1e-2, "high": 1e-4},
            r"search.spaces.adamw.optimizer.lr: low=0.01 must be below high=0.0001",
        ),
        ({"low": 1.0, "high": 1.0}, "low=1.0 must be below high=1.0"),
        ({"low": 0.0, "high": 1.0, "log": True}, "low=0.0 must be positive with log=true"),
        ({"low": 0.1, "high": 1.0, "log": 3}, "log=3 must be true or false"),
        ({"low": "a", "high": 1.0}, "low=a and high=1.0 must be numbers"),
        ({"low": 1.0, "hihg": 2.0}, "a range has low, high and, if need be, log"),
        ({"choices": [1]}, "must be a list of two or more values"),
        (3.0, "must be a range"),
        ({}, "search.spaces.adamw is empty"),
    ],
)
def test_what_is_no_range_is_one_line(leaf: Any, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        read_space({"adamw": {"optimizer": {"lr": leaf}}}, "adamw")


def test_an_optimizer_without_a_space_is_told_who_has_one() -> None:
    with pytest.raises(UserError, match=r"search has no space for optimizer=muon; it has adamw, sgd"):
        read_space({"adamw": {}, "sgd": {}}, "muon")
