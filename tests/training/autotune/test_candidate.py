"""What is measured follows from what is left open, the machine's cores and its device."""

from typing import Any

import pytest

from tuneformer.training.autotune.candidate import Candidate, is_asked_for, uncompiled

pytestmark = pytest.mark.fast
OPEN: dict[str, Any] = {
    "precision": "auto",
    "float32_matmul_precision": "auto",
    "threads": "auto",
    "compile": "auto",
}
FIXED: dict[str, Any] = {
    "precision": "32-true",
    "float32_matmul_precision": "highest",
    "threads": None,
    "compile": False,
}


def ways(candidates: list[Candidate]) -> list[tuple[str, str, int | None]]:
    assert not any(each.compile for each in candidates)
    return [(each.precision, each.float32_matmul_precision, each.threads) for each in candidates]


def test_on_a_cpu_all_is_tried_with_all_threads_the_default_first() -> None:
    found = ways(uncompiled(OPEN, cores=2, device="cpu"))
    assert found[0] == ("32-true", "highest", 2)
    assert sorted(found) == sorted(
        (precision, product, threads)
        for precision, product in (("32-true", "highest"), ("32-true", "medium"), ("bf16-mixed", "highest"))
        for threads in (2, 1)
    )


def test_threads_are_halved_from_the_cores_down() -> None:
    settings = FIXED | {"threads": "auto"}
    assert [each[2] for each in ways(uncompiled(settings, cores=12, device="cpu"))] == [12, 6, 3, 1]


def test_on_a_gpu_tf32_is_tried_and_threads_are_left_alone() -> None:
    assert ways(uncompiled(OPEN, cores=8, device="cuda")) == [
        ("32-true", "highest", 8),
        ("32-true", "high", 8),
        ("bf16-mixed", "highest", 8),
    ]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("precision", "32-true"), ("float32_matmul_precision", "high"), ("threads", 3), ("compile", True)],
)
def test_what_is_set_is_not_tried(setting: str, value: Any) -> None:
    candidates = uncompiled(OPEN | {setting: value}, cores=4, device="cpu")
    assert {getattr(each, setting) for each in candidates} == {value}
    assert len(candidates) > 1


def test_nothing_is_asked_for_where_all_is_set() -> None:
    assert not is_asked_for(FIXED)
    assert uncompiled(FIXED, cores=4, device="cpu") == [
        Candidate(precision="32-true", float32_matmul_precision="highest", threads=4, compile=False)
    ]
    for setting in OPEN:
        assert is_asked_for(FIXED | {setting: "auto"})
