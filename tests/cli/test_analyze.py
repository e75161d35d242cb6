"""scripts/analyze.py from the command line."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.analysis.attention.planted import plant
from tuneformer.runs.probe_files import snapshots_in

Command = Callable[..., Any]


def test_a_run_leaves_a_page_the_numbers_and_a_few_lines(command: Command, small_run: Any) -> None:
    answer = command("scripts/analyze.py", str(small_run.path), "--text", "the fox")
    assert (answer.status, answer.err) == (0, [])
    assert any("without decoder.0." in line for line in answer.out)
    folder = small_run.path / "analysis"
    assert f"written: {folder / 'attention.html'}" in answer.out[-1]
    assert "the fox" in (folder / "attention.html").read_text()
    whole = json.loads((folder / "attention.json").read_text())["runs"][0]
    with (folder / "heads.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["ablation"]) for row in rows] == whole["scores"]["ablation"]["values"]["decoder.0"]


def test_two_runs_of_other_shapes_are_shown_and_it_is_said(command: Command, tmp_path: Path) -> None:
    first, second = plant(tmp_path / "a", "decoder"), plant(tmp_path / "b", "decoder", n_layers=1)
    snapshots_in(first)[0].write_bytes(b"")
    answer = command("scripts/analyze.py", str(first), "--against", str(second))
    assert answer.status == 0
    assert any("step_0.npz" in line for line in answer.err)
    assert any("no difference is shown: the models differ in shape" in line for line in answer.err)
    rows = (first / "analysis" / "heads.csv").read_text().splitlines()
    assert rows[0].startswith("run,step,stack,layer,head,")
    assert sum(row.startswith(f"{second.name},") for row in rows) == 3 * 2


def test_bad_input_is_one_line_with_status_2(command: Command, tmp_path: Path, small_run: Any) -> None:
    empty = plant(tmp_path / "empty", "decoder", steps=(), last=None)
    lstm = plant(tmp_path / "lstm", "lstm", steps=())
    decoder = plant(tmp_path / "decoder", "decoder")
    text = str(small_run.path)
    for arguments, message in (
        ([str(tmp_path / "nowhere")], "is not a folder"),
        ([str(empty)], "has neither checkpoints/last.ckpt nor probes/"),
        ([str(lstm)], "has no attention to look at: its model is lstm"),
        ([str(decoder), "--text", "ab"], "--text has no meaning"),
        ([text, "--text", "\udcff"], "--text="),
        ([text, "--examples", "0"], "--examples=0 must be at least 1"),
        ([text, "--checkpoint", "first"], "checkpoint=first must be one of last, best"),
    ):
        answer = command("scripts/analyze.py", *arguments)
        assert (answer.status, len(answer.err)) == (2, 1), arguments
        assert message in answer.err[0]
