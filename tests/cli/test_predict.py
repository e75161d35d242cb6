"""`tuneformer predict`: a size and length from a table of smaller ones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TABLE = Path(__file__).parents[2] / "docs/results/published_losses_rate_batch.csv"
TO = "parameters=429260800 tokens=50000000000"
Command = Callable[..., Any]


def test_a_published_size_is_predicted_for_people_and_for_programs(command: Command) -> None:
    line = ["scripts/predict.py", "--table", str(TABLE), "--to", TO, "--leave-out", "parameters=429260800"]
    said = command(*line)
    assert said.status == 0
    assert said.out[0] == "from 8 sweeps, at parameters=4.29261e+08 tokens=5e+10:"
    assert said.out[1].startswith("  loss 2.26")
    assert "  batch_size " in said.out[3]
    assert "(batch_sequences_of_2048)" in said.out[3]
    found = json.loads(command(*line, "--json").out[0])
    for name, best in (("loss", 2.2566), ("learning_rate", 1.953e-3), ("batch_size", 256)):
        assert found[name]["low"] < best < found[name]["high"]
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]
    assert found["sweeps"] == 8


@pytest.mark.fast
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "parameters=1e9"], "--to='parameters=1e9' must say \"parameters=... tokens=...\""),
        (["--to", "parameters=-1 tokens=1"], "parameters=-1 must be <name>=<positive number>"),
        (["--to", TO, "--loss", "los"], "has no column los: there are batch_"),
        (["--to", TO, "--leave-out", "size=1"], "has no column size"),
    ],
)
def test_bad_input_is_one_line(command: Command, arguments: list[str], message: str) -> None:
    said = command("scripts/predict.py", "--table", str(TABLE), *arguments)
    assert said.status == 2
    assert len(said.err) == 1
    assert message in said.err[0]


@pytest.mark.fast
def test_a_table_without_rates_is_one_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("parameters,tokens,loss\n1,2,3\n", encoding="utf-8")
    said = command("scripts/predict.py", "--table", "t.csv", "--to", TO)
    assert said.status == 2
    assert "needs a column learning_rate or lr or peak_lr: it has parameters, tokens, loss" in said.err[0]
