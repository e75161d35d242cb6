import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.analysis.compare.planted import config_of, plant
from tuneformer.analysis.compare.comparison import Comparison, compare
from tuneformer.analysis.compare.read_runs import read_runs
from tuneformer.report.html import render_page
from tuneformer.report.results_table import write_csv
from tuneformer.report.terminal import print_comparison
from tuneformer.runs.record import MEDIAN, SHOWN, Shown


@pytest.mark.fast
def test_the_terminal_shows_the_table_the_answer_and_what_stands_against_it(plain: Comparison) -> None:
    for width in (80, 140):
        console = Console(file=io.StringIO(), width=width)
        print_comparison(plain, console)
        text = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
        assert "compared (what varies" in text
        assert "2.0200 ± 0.0248" in text  # the interval of the sentence below
        assert "1.9952 to 2.0448" in text
        if width == 140:
            head = next(line for line in text.splitlines() if "best setting" in line)
            assert "test/loss ± 95 %" in head
            assert "deviation" in head
            assert "minus adamw ± 95 %" in head
            assert "640" in text  # tokens per second
        assert "Against adamw" in text
        assert "note: optimistic: lion, adamw" in text


@pytest.mark.fast
def test_a_number_of_the_record_is_shown_everywhere_by_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SHOWN, "epochs", Shown("epochs", "measured", MEDIAN))
    for method, epochs in (("adamw", 1.25), ("lion", 2.75)):
        plant(tmp_path / method, val=2.0, config=config_of(optimizer=method), record={"epochs": epochs})
    read = read_runs([tmp_path], metrics=["val/loss"])
    found = compare(read, metric="val/loss", by=[], baseline=None, target=None, tolerance=0.02)
    console = Console(file=io.StringIO(), width=140)
    print_comparison(found, console)
    write_csv(tmp_path / "comparison.csv", found)
    page = render_page(found, title="", command="")
    terminal = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    for text in (terminal, (tmp_path / "comparison.csv").read_text(), page):
        assert "epochs" in text
        assert "2.75" in text


@pytest.mark.fast
def test_of_many_commands_for_fresh_seeds_the_terminal_shows_three(plain: Comparison) -> None:
    commands = [f"fresh seeds for method {number}: tuneformer train seed={number}" for number in range(5)]
    console = Console(file=io.StringIO(), width=140)
    print_comparison(replace(plain, caveats=("few seeds", *commands, "left out, 1 run")), console)
    text = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    notes = [line.removeprefix("note: ") for line in text.splitlines() if line.startswith("note: ")]
    assert notes == ["few seeds", *commands[:3], "2 more are on the page", "left out, 1 run"]
