"""scripts/compare.py from the command line: what it writes, and bad input in one line."""

import csv
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.compare.planted import bowl, config_of, plant, plant_grid
from tuneformer.report.marked_page import BEGIN, END

Command = Callable[..., Any]

pytestmark = pytest.mark.fast

PUBLISHED = Path(__file__).parents[2] / "docs" / "results" / "published_losses_130m.csv"


def test_a_sweep_gives_a_table_a_csv_and_a_page(command: Command, tmp_path: Path) -> None:
    plant_grid(tmp_path / "sweep", bowl)
    answer = command("scripts/compare.py", "sweep")
    assert (answer.status, answer.err) == (0, [])
    assert any(line.startswith("lion ends lowest of 2 methods") for line in answer.out)
    assert answer.out[-2] == "written: sweep/comparison.csv, sweep/comparison.html"
    assert answer.out[-1] == "next: python scripts/show.py sweep"
    with Path("sweep/comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["best setting"]) for row in rows] == [
        ("lion", "lr=0.01"),
        ("adamw", "lr=0.01"),
    ]
    assert float(rows[0]["minus adamw"]) == pytest.approx(-0.2)
    page = Path("sweep/comparison.html").read_text(encoding="utf-8")
    assert "python scripts/compare.py sweep" in page
    assert "abc" in page  # the commit
    # what it wrote is no run: the same line works again
    assert command("scripts/compare.py", "sweep").status == 0


def test_a_page_of_ones_own_gets_the_table_and_a_figure_and_keeps_its_words(
    command: Command, tmp_path: Path
) -> None:
    plant_grid(tmp_path / "sweep", bowl)
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nWhy.\n", encoding="utf-8")
    for _ in range(2):
        answer = command("scripts/compare.py", "sweep", "--into=page.md")
        assert (answer.status, answer.err) == (0, [])
        assert answer.out[-2].endswith("sweep/comparison.html, page.md, page.png, page.html")
        before, table, after = re.split(f"{BEGIN}\n|\n{END}", page.read_text(encoding="utf-8"))
        assert (before, after) == ("# Title\n\n", "\n\nWhy.\n")
        assert [line.split(" | ")[0] for line in table.splitlines()[2:]] == ["| lion", "| adamw"]
    assert page.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "lion" in page.with_suffix(".html").read_text(encoding="utf-8")


def test_a_page_without_marks_is_one_line_before_anything_is_read(command: Command, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("# Title\n", encoding="utf-8")
    for page, expected in (("page.md", "page.md has no lines"), ("none.md", "none.md cannot be read")):
        answer = command("scripts/compare.py", "nowhere", f"--into={page}")
        assert (answer.status, len(answer.err)) == (2, 1)
        assert answer.err[0].startswith(f"error: {expected}")


def test_a_published_table_is_compared_without_by(command: Command) -> None:
    answer = command("scripts/compare.py", f"--table={PUBLISHED}", "--to=here")
    assert answer.status == 0
    with Path("here/comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    muon = next(row for row in rows if (row["method"], row["chinchilla_multiple"]) == ("muon", "1.0"))
    assert (muon["final_loss"], muon["best setting"]) == ("3.4626", "muon_to_adam_lr=0.3")


def test_sweeps_of_several_lengths_are_compared_at_each_where_by_says_so(
    command: Command, tmp_path: Path
) -> None:
    for steps in (50, 100, 200):
        plant_grid(tmp_path / f"s{steps}", lambda o, lr, s, n=steps: bowl(o, lr, s) + 10 / n, steps=steps)
    answer = command("scripts/compare.py", "s50", "s100", "s200")
    assert (answer.status, len(answer.err)) == (2, 1)
    assert answer.err[0].startswith("error: the runs have different lengths (50, 100, 200 steps)")
    answer = command("scripts/compare.py", "s50", "s100", "s200", "--by=optimizer,horizon", "--target=2.1")
    assert answer.status == 0
    assert any("For the same loss as adamw" in line for line in answer.out)


def test_bad_input_is_one_line_with_status_2(command: Command, tmp_path: Path) -> None:
    plant_grid(tmp_path / "sweep", bowl)
    (tmp_path / "empty").mkdir()
    plant(tmp_path / "other" / "run", val=2.0, config=config_of(), record={"data": {"fingerprint": "other"}})
    (tmp_path / "scores.csv").write_text("optimizer,score\na,1\nb,2\n")
    (tmp_path / "commas.csv").write_text("optimizer;loss\na;0,5\n")
    for arguments, message in (
        (["--table=scores.csv", "--metric=score"], "--metric=score: its name does not tell which values"),
        (["--table=commas.csv"], "commas.csv, line 2, column loss: '0,5' is not a number"),
        ([], "give folders of runs or --table"),
        (["sweep", "--table=x.csv"], "give folders of runs or --table"),
        (["nowhere"], "nowhere is not a folder"),
        (["empty"], "empty holds no run"),
        (["sweep", "--metric=val/los"], "--metric=val/los: no run has it: did you mean val/loss?"),
        (["sweep", "--by=optimiser"], "--by=optimiser: optimiser does not vary"),
        (["sweep", "--baseline=adam"], "--baseline=adam is not among the methods: did you mean adamw?"),
        (["sweep", "other"], "the runs are of 2 data sets"),
        (["--table=none.csv"], "--table=none.csv cannot be read"),
        (["sweep", "--to=sweep/optimizer=lion,optimizer.lr=0.1,seed=0,steps=100/record.json"], "sweep/"),
    ):
        answer = command("scripts/compare.py", *arguments)
        assert (answer.status, len(answer.err)) == (2, 1), arguments
        assert answer.err[0].startswith(f"error: {message}"), answer.err


def test_damaged_and_unfinished_runs_are_named_and_left_out(command: Command, tmp_path: Path) -> None:
    plant_grid(tmp_path / "sweep", lambda o, lr, s: math.inf if lr == 0.1 else bowl(o, lr, s))
    (plant(tmp_path / "sweep" / "bad", val=1.0) / "metrics.csv").write_text("step\n?\n")
    plant(tmp_path / "sweep" / "open", val=1.0, status="interrupted")
    answer = command("scripts/compare.py", "sweep")
    assert answer.status == 0
    note = next(line for line in answer.out if line.startswith("note: left out"))
    assert "2 runs" in note
    assert "1 interrupted" in note
    assert "sweep/bad" in note
    assert any(line.startswith("note: diverged runs: lion 3 of 9, adamw 3 of 9") for line in answer.out)


def test_the_direction_of_a_table_is_as_its_name_or_the_option_says(command: Command, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("optimizer,accuracy,score\na,0.9,1\nb,0.8,2\n")
    for arguments, best in (
        (["--metric=accuracy"], "a ends highest"),
        (["--metric=score", "--higher-is-better"], "b ends highest"),
        (["--metric=score", "--lower-is-better"], "a ends lowest"),
    ):
        answer = command("scripts/compare.py", "--table=t.csv", "--to=here", *arguments)
        assert answer.status == 0
        assert any(line.startswith(f"{best} of 2 methods") for line in answer.out), answer.out


def test_a_sweep_of_one_setting_compares_its_values(command: Command, tmp_path: Path) -> None:
    for warmup in (0.0, 0.2, 10):
        for seed in (0, 1, 2):
            plant(
                tmp_path / "sweep" / f"scheduler.warmup={warmup},seed={seed}",
                val=2 + warmup / 100 + 0.01 * seed,
                config=config_of(seed=seed, changes={"scheduler.warmup": warmup}),
            )
    answer = command("scripts/compare.py", "sweep")
    assert answer.out[0] == "compared (all that varies): scheduler.warmup (0, 0.2, 10)"
    assert any(line.startswith("warmup=0 ends lowest of 3 methods") for line in answer.out)
    assert not any("edge" in line for line in answer.out)
    with Path("sweep/comparison.csv").open(newline="") as file:
        assert [row["method"] for row in csv.DictReader(file)] == ["warmup=0", "warmup=0.2", "warmup=10"]
