"""Jobs that need more memory than there is are named before the first begins."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.sweeps.conftest import SWEEP
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError
from tuneformer.sweeps.preflight.examine import examine

Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuneformer.process.machine_memory.available_bytes", lambda: 2**34)


SMALL = ["data=copy", "model.size=nano", "logger=none", "callbacks=none"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            "data.batch_size=4,100000000",
            "lower data.batch_size=100000000 or data.context_length=16, or raise",
        ),
        ("model.d_model=16,200000", "lower model.d_model=200000 or model.n_layers=1"),
        ("model.n_layers=1,100000000", "lower model.n_layers=100000000 or model.d_model=16"),
    ],
)
def test_a_job_that_nothing_holds_stops_the_sweep(value: str, told: str, sweep: Command) -> None:
    answer = sweep(value, "seed=0")
    assert answer.status == 2
    (line,) = answer.err
    assert told in line
    name, _, values = value.partition("=")
    job = line.partition(" (in the job ")[2]
    assert f" {name}={values.split(',')[1]} " in job
    assert not SWEEP.exists() or not list(SWEEP.glob("*/record.json"))


def test_memory_is_judged_of_each_job_where_it_will_be_trained() -> None:
    lines = [[], ["data.batch_size=100000000"], ["data.batch_size=100000000", "optimizer=sgd"]]
    configs = [check_config(*compose_config([*SMALL, *line])) for line in lines]
    fits, *others = examine(configs, timed=False)
    assert not isinstance(fits, UserError)
    for other in others:
        assert "lower data.batch_size=100000000" in str(other)
    assert not any(isinstance(each, UserError) for each in examine(configs, timed=False, trained_here=False))
