"""scripts/diagnose.py from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.diagnosis.planted import plant
from tests.analysis.diagnosis.test_rules import FAULTS

Command = Callable[..., Any]

pytestmark = pytest.mark.fast


def test_a_run_gives_a_table_and_a_file(command: Command, tmp_path: Path) -> None:
    run = plant(tmp_path / "run", **FAULTS["rank_collapse"][0], without="units/")
    answer = command("scripts/diagnose.py", str(run))
    assert (answer.status, answer.err) == (0, [])
    text = "\n".join(answer.out)
    assert "rank collapse" in text
    assert "model.block=pre_norm" in text
    assert "not looked at: dead units (units/*/dead was not logged: callbacks=default)" in answer.out
    written = json.loads((run / "analysis" / "diagnosis.json").read_text())
    finding = written["findings"][0]
    assert (finding["rule"], finding["since"], finding["measured"]) == ("rank_collapse", 210, 0.001)
    assert list(written["could_not_look"]) == ["dead_units"]


def test_json_is_what_was_written(command: Command, tmp_path: Path) -> None:
    record = {"status": "diverged", "error": "train/loss is not finite at step 7"}
    run = plant(tmp_path / "run", record=record)
    answer = command("scripts/diagnose.py", str(run), "--json")
    printed = json.loads("\n".join(answer.out))
    assert printed == [json.loads((run / "analysis" / "diagnosis.json").read_text())]
    assert printed[0]["findings"][0]["measured"] == "inf"


def test_a_sweep_gives_a_line_a_run_and_names_what_is_damaged(command: Command, tmp_path: Path) -> None:
    plant(tmp_path / "sweep" / "good")
    plant(tmp_path / "sweep" / "faulty", **FAULTS["rank_collapse"][0])
    (plant(tmp_path / "sweep" / "bad") / "metrics.csv").write_text("step\n?\n")
    answer = command("scripts/diagnose.py", str(tmp_path / "sweep"))
    assert answer.status == 0
    rows = {line.split()[1]: line for line in answer.out if len(line.split()) > 4}
    assert "rank collapse" in rows["faulty"]
    assert "good" in rows
    assert len(answer.err) == 1
    assert answer.err[0].startswith("left out: ")


def test_bad_input_is_one_line_with_status_2(command: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (plant(tmp_path / "bad") / "metrics.csv").write_text("step\n?\n")
    (plant(tmp_path / "without_rows") / "metrics.csv").write_text("step\n")
    for folder, message in (
        ("nowhere", "is not a folder"),
        ("empty", "holds no run"),
        ("bad", "is damaged at line 2"),
        ("without_rows", "has no rows"),
    ):
        answer = command("scripts/diagnose.py", str(tmp_path / folder))
        assert (answer.status, len(answer.err)) == (2, 1), folder
        assert message in answer.err[0]
