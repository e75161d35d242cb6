"""Which of what was measured a run of a given length is trained with."""

from dataclasses import replace

import pytest

from tuneformer.training.autotune.candidate import Candidate
from tuneformer.training.autotune.measured import Measured, as_record, choose, from_record

pytestmark = pytest.mark.fast
PLAIN = Candidate(precision="32-true", float32_matmul_precision="highest", threads=2, compile=False)


def measured(milliseconds: float | None, *, refused: str | None = None, first: float = 0.1) -> Measured:
    return Measured(
        candidate=PLAIN, milliseconds=milliseconds, first_step_s=first, deviation=0.0, refused=refused
    )


def test_the_fastest_is_chosen() -> None:
    rows = [measured(10.0), measured(7.0), measured(8.0)]
    assert choose(rows, steps=100) is rows[1]


def test_the_default_stays_where_others_save_less_than_the_margin() -> None:
    rows = [measured(10.0), measured(9.6)]
    assert choose(rows, steps=100) is rows[0]
    rows = [measured(10.0), measured(9.4)]
    assert choose(rows, steps=100) is rows[1]


def test_what_is_refused_or_was_not_measured_is_never_chosen() -> None:
    rows = [measured(10.0), measured(1.0, refused="its loss differs"), measured(None, refused="slow")]
    assert choose(rows, steps=100) is rows[0]


def test_a_compilation_must_pay_for_itself_within_the_run() -> None:
    compiled = replace(measured(5.0, first=20.0), candidate=replace(PLAIN, compile=True))
    rows = [measured(10.0), compiled]
    # 4,000 steps: 40 s against 20 + 20 s; 10,000 steps: 100 s against 70 s
    assert choose(rows, steps=4000) is rows[0]
    assert choose(rows, steps=10_000) is compiled


def test_a_record_gives_back_what_was_written() -> None:
    row = measured(3.25, refused="slow")
    assert from_record(as_record(row)) == row
