"""scripts/show.py from the command line."""

import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.diagnosis.planted import plant

Command = Callable[..., Any]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a browser was asked to open."""
    pages: list[str] = []
    monkeypatch.setattr(webbrowser, "open", pages.append)
    return pages


@pytest.mark.fast
def test_the_page_of_a_run_is_written_and_opened(command: Command, tmp_path: Path, opened: list[str]) -> None:
    run = plant(tmp_path / "run")
    answer = command("scripts/show.py", str(run))
    assert (answer.status, answer.out, answer.err) == (0, [str(run / "report.html")], [])
    assert opened == [(run / "report.html").as_uri()]
    assert command("scripts/show.py", str(run), "--no-browser").out == [str(run / "report.html")]
    assert len(opened) == 1


@pytest.mark.fast
def test_what_is_neither_a_run_nor_a_sweep_is_one_line(
    command: Command, tmp_path: Path, opened: list[str]
) -> None:
    answer = command("scripts/show.py", str(tmp_path))
    assert (answer.status, opened) == (2, [])
    assert answer.err == [
        f"error: {tmp_path} is no run and no sweep: give outputs/runs/<run> or outputs/sweeps/<sweep>"
    ]


def test_a_sweep_without_a_page_is_compared(command: Command, tmp_path: Path, opened: list[str]) -> None:
    for seed in range(2):
        plant(tmp_path / "sweep" / f"{seed}", changes={"seed": seed})
    page = tmp_path / "sweep" / "comparison.html"
    answer = command("scripts/show.py", str(tmp_path / "sweep"))
    assert (answer.status, answer.out) == (0, [str(page)])
    assert opened == [page.as_uri()]
    page.write_text("as it was")
    command("scripts/show.py", str(tmp_path / "sweep"))
    assert page.read_text() == "as it was"
