"""What a metrics.csv lacks of the rows that a checkpoint saw."""

from pathlib import Path

import pytest

from tuneformer.runs.rows_written import MetricsRow, RowsWritten, lost_rows

pytestmark = pytest.mark.fast

FILE = Path("metrics.csv")
ROWS = [{"step": float(step), "seconds": step / 10, "train/loss": 5.0 - step} for step in (1, 2, 3)]


@pytest.fixture
def saved() -> dict[str, object]:
    """What a checkpoint of step 3 says."""
    FILE.touch()
    written = RowsWritten()
    for row in ROWS:
        written.add(row)
    return written.as_saved()


@pytest.mark.parametrize(
    "later",
    [
        [],
        [{"step": 3.0, "seconds": 0.9, "val/loss": 2.5}, {"step": 3.0, "seconds": 1.2, "test/loss": 2.6}],
        [{"step": 4.0, "seconds": 0.4, "train/loss": 1.0}],
    ],
)
def test_a_file_that_has_more_since_lacks_nothing(saved: dict[str, object], later: list[MetricsRow]) -> None:
    assert lost_rows(FILE, saved, [*ROWS, *later]) is None


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "metrics.csv has 0 of the 3 rows up to step 3"),
        (ROWS[1:], "metrics.csv has 2 of the 3 rows up to step 3"),
        ([*ROWS[:2], ROWS[2] | {"train/loss": 1.0}], "metrics.csv has other values up to step 3"),
        ([ROWS[0] | {"seconds": 9.0}, *ROWS[1:]], "metrics.csv has other values up to step 3"),
    ],
)
def test_what_is_gone_or_changed_is_told(saved: dict[str, object], rows: list[MetricsRow], told: str) -> None:
    assert (lost_rows(FILE, saved, rows) or "").startswith(told)


def test_a_file_that_is_gone_is_told(saved: dict[str, object]) -> None:
    FILE.unlink()
    assert lost_rows(FILE, saved, []) == "metrics.csv is missing: its 3 rows up to step 3 are lost"
