"""Tables in terminals of any width."""

import io

import pytest
from rich.console import Console

from tuneformer.report.fitting_table import fitting_table

pytestmark = pytest.mark.fast

ROWS = [
    {
        "method": "adamw",
        "best setting": "lr=0.002, decay=0.1",
        "loss ± 95 %": "1.8362 ± 0.0051",
        "speed": "17,000",
    },
    {"method": "schedule_free", "best setting": "lr=0.05", "loss ± 95 %": "1.8594 ± 0.0071", "speed": ""},
]


def drawn(width: int) -> tuple[str, list[str]]:
    """The table as a terminal of that width shows it, and what it has no room for."""
    table, left_out = fitting_table(
        "title", ROWS, width=width, words=("method", "best setting"), dispensable=("speed", "best setting")
    )
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue(), left_out  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("width", range(42, 100, 4))
def test_no_line_is_too_long_and_no_value_is_broken(width: int) -> None:
    text, left_out = drawn(width)
    assert max(map(len, text.splitlines())) <= width
    for row in ROWS:
        for column, value in row.items():
            if column not in left_out:
                assert all(part in text for part in ([value] if "±" in value else value.split()))
    assert "…" not in text


def test_what_matters_least_goes_first() -> None:
    assert [drawn(width)[1] for width in (100, 56, 52, 42)] == [
        [],
        [],
        ["speed"],
        ["speed", "best setting"],
    ]
