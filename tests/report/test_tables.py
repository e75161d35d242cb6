"""Tables hold what the comparison holds."""

import csv
import math
from pathlib import Path

import pytest

from tests.analysis.compare.trials import trial
from tests.report.conftest import of
from tuneformer.analysis.compare.comparison import Comparison
from tuneformer.report import wording
from tuneformer.report.results_table import write_csv
from tuneformer.report.table import Table
from tuneformer.report.tables import all_tables

pytestmark = pytest.mark.fast


def column(table: Table, name: str) -> list[float | str | None]:
    place = table.columns.index(name)
    return [row[place].value for row in table.rows]


def test_a_comparison_with_everything_has_every_table(whole: Comparison) -> None:
    tables = {table.key: table for table in all_tables(whole)}
    assert [*tables] == [
        "results",
        "pairs",
        "speed-ups",
        "basins",
        "profiles",
        "half-time",
        "measures",
        "ledger",
        "left-out",
    ]
    results = tables["results"]
    assert len(results.rows) == 16
    assert column(results, "steps")[:2] == [800, 800]
    means = [result.estimate.mean for result in whole.main[0].results]
    assert column(results, "test/loss")[:2] == means
    assert "steps to target" in results.columns
    assert "peak memory" not in results.columns  # nobody knows it
    measures = tables["measures"]
    assert {*column(measures, "measure")} == {"entropy, mean of heads"}
    assert all(0.5 < float(mean or 0) < 0.53 for mean in column(measures, "mean"))


def test_a_figure_from_mid_schedule_is_marked(plain: Comparison) -> None:
    results = all_tables(plain)[0]
    place = results.columns.index("steps to target")
    marked = [row[place].text for row in results.rows]
    assert any("(mid-schedule)" in text for text in marked)


def test_what_is_not_known_is_a_dash_and_an_empty_value() -> None:
    tables = {table.key: table for table in all_tables(of([trial("adamw"), trial("lion", val=math.inf)]))}
    results = tables["results"]
    last = dict(zip(results.columns, results.rows[-1], strict=True))
    assert (last["test/loss"].text, last["diverged"].text) == ("diverged", "1")
    assert "95 % low" not in results.columns


def test_the_csv_has_numbers_in_full(whole: Comparison, tmp_path: Path) -> None:
    write_csv(tmp_path / "new" / "comparison.csv", whole)
    with (tmp_path / "new" / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 16
    assert float(rows[0]["test/loss"]) == whole.main[0].results[0].estimate.mean
    assert rows[0]["peak memory"] == ""


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (wording.value(math.nan), "–"),  # noqa: RUF001
        (wording.value(math.inf), "diverged"),
        (wording.count(1234567.0), "1,234,567"),
        (wording.count(12.3456), "12.35"),
        (wording.duration(65.0), "65 s"),
        (wording.duration(1200.0), "20 min"),
        (wording.duration(7200.0), "2.0 h"),
        (wording.size(1536.0), "1.5 KiB"),
        (wording.size(0.0), "0 B"),
        (wording.p_value(0.03125), "0.031"),
        (wording.p_value(0.0000019), "1.9e-06"),
        (wording.percent(0.614), "61 %"),
    ],
)
def test_numbers_are_written_as_people_read_them(written: str, text: str) -> None:
    assert written == text
