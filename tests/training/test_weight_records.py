"""Every change of the code leaves the weights of small runs of every kind as they are recorded."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.weight_records import (
    CONFIGURATIONS,
    QUICK,
    RECORDS,
    Weights,
    arithmetic,
    mismatch,
    small_sources,
    trained_weights,
    updated,
)
from tuneformer.optim import staged_schedules

ELSEWHERE = "another processor"


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_sources(tmp_path_factory.mktemp("sources")) as folder:
        yield folder


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.proof) for name in CONFIGURATIONS],
)
def test_weights_are_as_recorded(name: str, sources: Path) -> None:
    assert mismatch(name, trained_weights(name, sources=sources), under=arithmetic()) is None


@pytest.mark.proof
def test_an_optimizer_s_changed_eps_is_noticed_under_any_arithmetic(sources: Path) -> None:
    found = trained_weights("adamw", "optimizer.eps=2e-8", sources=sources)
    for under in (arithmetic(), ELSEWHERE):
        assert "adamw: other weights" in (mismatch("adamw", found, under=under) or "")


@pytest.mark.proof
def test_a_schedule_s_changed_constant_is_noticed_under_any_arithmetic(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(staged_schedules.COOLDOWNS, "one_minus_sqrt", lambda q: 1 - q**0.51)
    found = trained_weights("ademamix-lstm", sources=sources)
    for under in (arithmetic(), ELSEWHERE):
        assert "ademamix-lstm: other weights" in (mismatch("ademamix-lstm", found, under=under) or "")


@pytest.mark.fast
def test_one_other_bit_is_noticed_under_the_arithmetic_of_the_records() -> None:
    records = json.loads(RECORDS.read_text(encoding="utf-8"))
    for name in CONFIGURATIONS:
        under = next(each for each, kept in records["digests"].items() if name in kept)
        found = Weights(digest="0" * 32, numbers=records["numbers"][name])
        assert f"{name}: other bytes" in (mismatch(name, found, under=under) or "")
        assert mismatch(name, found, under=ELSEWHERE) is None


@pytest.mark.fast
def test_recording_keeps_what_other_processors_gave_until_the_weights_change() -> None:
    first = Weights(digest="a", numbers=[1.0, 0.5])
    elsewhere = Weights(digest="b", numbers=[1.0, 0.500001])
    changed = Weights(digest="c", numbers=[1.0, 0.6])
    records = updated({"numbers": {}, "digests": {}}, {"adamw": first}, under="here")
    both = updated(records, {"adamw": elsewhere}, under="there")
    assert both == {
        "numbers": {"adamw": [1.0, 0.5]},
        "digests": {"here": {"adamw": "a"}, "there": {"adamw": "b"}},
    }
    assert updated(both, {"adamw": first}, under="here") == both
    assert updated(both, {"adamw": changed}, under="here") == {
        "numbers": {"adamw": [1.0, 0.6]},
        "digests": {"here": {"adamw": "c"}},
    }
