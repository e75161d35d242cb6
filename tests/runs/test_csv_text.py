"""Cells that a spreadsheet would compute are made text; numbers and all other text stay."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneformer.runs.csv_text import as_it_was, csv_text, harmless

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    "cell", ['=HYPERLINK("x")', "+1+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", "\uff1d1", "'=1"]
)
def test_what_would_be_computed_gets_an_apostrophe(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-0.5", "+3", "-1e-9", "-inf", "adamw", "'quoted'", "a=1", "", "lr=-1"])
def test_numbers_and_other_text_stay(cell: str) -> None:
    assert harmless(cell) == cell


def test_numbers_and_nothing_are_written_in_full() -> None:
    assert csv_text([["a", "=b"], [None, -0.1], [3, "x,y"]]) == 'a,\'=b\n,-0.1\n3,"x,y"\n'


@given(st.text(alphabet="'=+-@1a\t"))
def test_what_was_made_harmless_can_be_had_back(text: str) -> None:
    (row,) = csv.reader(io.StringIO(csv_text([[text, "end"]])))
    assert as_it_was(row[0]) == text
    assert not row[0].startswith(("=", "@"))
