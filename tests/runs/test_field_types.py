"""The fields of a record and of a configuration: each of another type is named in one line."""

from typing import Any

import pytest

from tuneformer.runs.field_types import CONFIG, JOB, first_fault, is_folder_name
from tuneformer.runs.record import MUST_BE

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"data": None}, "data must be a table, not null"),
        ({"metrics": [1]}, "metrics must be a table"),
        ({"metrics": {"final": {"val/loss": "low"}}}, "metrics.final must be a table of numbers"),
        ({"metrics": {"final": {"val/loss": 10**400}}}, "metrics.final must be a table of numbers"),
        ({"metrics": {"final": {"val/loss": True}}}, "metrics.final must be a table of numbers"),
        ({"wall_seconds": "2"}, "wall_seconds must be a number of seconds, not '2'"),
        ({"wall_seconds": float("nan")}, "wall_seconds must be a number of seconds, not nan"),
        ({"restarts": -1}, "restarts must be a whole number, not -1"),
        ({"steps": 2**70}, "steps must be a whole number, not a number beyond all bounds"),
        ({"error": ["x"]}, "error must be text or null"),
        (
            {"hardware": {"threads": "4"}},
            "hardware.threads must be a whole number of at least 1 or null, not '4'",
        ),
        ({"hardware": {"threads": None}}, None),
        ({"hardware": None}, None),
        ({"data": {"kept": ["../x"]}}, "data.kept must be a list of names of files"),
        ({"data": {"kept": []}, "error": None, "metrics": {"final": {"a": "nan", "b": None}}}, None),
        ({}, None),
    ],
)
def test_the_first_fault_of_a_record(values: dict[str, Any], fault: str | None) -> None:
    assert first_fault(values, MUST_BE) == fault


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"model": None}, "model must be a group of settings, not null"),
        ({"seed": "x"}, "seed must be a whole number, not 'x'"),
        ({"seed": True}, "seed must be a whole number, not True"),
        ({"trainer": {"max_steps": 0}}, "trainer.max_steps must be a whole number of at least 1, not 0"),
        (
            {"scheduler": {"cooldown": "x"}},
            "scheduler.cooldown must be a number of steps, or a share, not 'x'",
        ),
        ({"callbacks": {"averaging": []}}, "callbacks.averaging must be a group of settings or null"),
        ({"trainer": {"max_steps": 1}, "seed": 0}, None),
    ],
)
def test_the_first_fault_of_a_configuration(values: dict[str, Any], fault: str | None) -> None:
    assert first_fault(values, CONFIG) == fault


def test_the_first_fault_of_a_job() -> None:
    assert first_fault({"overrides": ["seed=1", 2]}, JOB) == "overrides must be a list of texts"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "a\0b", 3, None])
def test_what_would_lead_out_of_a_folder_is_no_name_in_it(name: object) -> None:
    assert not is_folder_name(name)
    assert is_folder_name("optimizer=muon,seed=1")
