"""search=ladder: every size at lengths that follow from it, and what is refused before the first run."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sweeps.conftest import SWEEP
from tuneformer.analysis.laws.ladder_runs import read_ladder_runs
from tuneformer.cli.ladder import in_full
from tuneformer.errors import UserError

Command = Callable[..., Any]
Records = Callable[[], dict[str, dict[str, Any]]]
SIZES = ["search=ladder", "model.d_model=8,16,24", "scheduler.warmup=0.1", "optimizer.weight_decay=0.1"]
LENGTHS = "search.chinchilla=[0.01,0.02]"


def parameters(width: int) -> int:
    """Of one layer: attention, three matrices of a feed-forward part 8/3 times as wide, and three norms."""
    d_ff = 8 * math.ceil(width / 3)
    return 4 * width**2 + 3 * width * d_ff + 3 * width


@pytest.mark.proof
def test_a_ladder_tunes_every_size_at_its_own_lengths_and_goes_on(sweep: Command, records: Records) -> None:
    line = [*SIZES, LENGTHS, "hydra.sweeper.budget=16runs"]
    first = sweep(*line)
    assert first.status == 0, first.err
    found = records()
    steps = {
        width: sorted({round(20 * k * parameters(width) / (4 * 16)) for k in (0.01, 0.02)})
        for width in (8, 16, 24)
    }
    assert {(record["steps"]) for record in found.values()} == {n for each in steps.values() for n in each}
    answer = json.loads((SWEEP / "answer.json").read_text())
    assert {each["name"] for each in answer["methods"]} == {
        f"model.d_model={width} at {n} steps" for width, each in steps.items() for n in each
    }
    assert len({each["trials"] for each in answer["methods"]}) == 1
    assert any(
        text.startswith(f"ladder: model.d_model=8: {parameters(8):,} parameters without embeddings, ")
        for text in first.err
    )
    assert any("1 method at 6 sizes and lengths, 16 runs: " in text for text in first.err)
    again = sweep(*line)
    assert (again.status, records()) == (0, found)
    read = read_ladder_runs(SWEEP)
    (points,) = read.sweeps.values()
    assert [(each.sweep.parameters, each.entry.steps) for each in points] == [
        (parameters(width), n) for width, each in steps.items() for n in each
    ]
    assert all(len(each.sweep.reported) >= 3 for each in points)
    assert "model.n_layers=1" in read.ladder.given["all"]
    assert not any("d_model" in each or "search" in each for each in read.ladder.given["all"])


def test_a_dry_run_says_what_the_budget_buys_and_trains_nothing(sweep: Command) -> None:
    said = sweep(*SIZES, "optimizer=adamw,sgd", LENGTHS, "hydra.sweeper.budget=1h", "preflight=only")
    assert said.status == 0, said.err
    assert any("ladder: 1 h buy about " in text for text in said.err), said.err
    assert not list(Path("outputs").rglob("record.json"))


def test_lengths_that_cost_the_same_at_all_sizes(sweep: Command) -> None:
    lengths = ["search.chinchilla=null", "search.flops=[1e8,3e8]"]
    said = sweep(*SIZES, *lengths, "hydra.sweeper.budget=40runs", "preflight=only")
    assert said.status == 0, said.err
    told = [text for text in said.err if text.startswith("ladder: model.d_model=")]
    assert len(told) == 3
    steps = [int(text.partition("; ")[2].partition(",")[0]) for text in told]
    assert steps == sorted(steps, reverse=True)


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["model.d_model=8,16"], "search=ladder: 2 sizes do not tell how the loss falls with parameters"),
        (["model.d_model=8"], "search=ladder needs sizes: give a setting of the model 3 values"),
        (
            ["model.n_layers=1,2", "model.d_model=8,16"],
            "search=ladder: sizes differ in more than one way, as model.d_model=8,model.n_layers=2 and"
            " model.d_model=16,model.n_layers=1 do",
        ),
        (["model.n_heads=1,2,4"], "search=ladder: model.n_heads=1 and model.n_heads=2 have the same number"),
        (["search.chinchilla=[1]"], "search.chinchilla=[1] must be 2 different lengths or more"),
        (["search.chinchilla=[1,1]"], "search.chinchilla=[1,1] must be 2 different lengths or more"),
        (["search.chinchilla=[0,1]"], "search.chinchilla=[0,1]: each must be positive"),
        (
            ["search.chinchilla=[1e-5,1]"],
            "search.chinchilla=[1e-05,1] is 0.00268, 268 steps of 64 tokens at model.d_model=8: give longer",
        ),
        (["search.flops=[1e9,2e9]"], "search=ladder takes one of search.chinchilla, search.flops and"),
        (["trainer.max_steps=3,4"], "trainer.max_steps cannot have several values with search=ladder"),
        (["hydra.sweeper.budget=null"], "search=ladder needs a budget: hydra.sweeper.budget=64runs"),
    ],
)
def test_what_is_no_ladder_is_one_line_and_runs_nothing(
    sweep: Command, overrides: list[str], line: str
) -> None:
    other_axis = any(each.startswith(("model.n_heads=", "model.d_model=8")) for each in overrides)
    given = [each for each in SIZES if not (other_axis and each.startswith("model.d_model"))]
    said = sweep(*given, LENGTHS, "hydra.sweeper.budget=40runs", *overrides)
    assert said.status == 2
    assert said.err[-1].startswith(f"error: {line}"), said.err[-1]
    assert not SWEEP.exists()


@pytest.mark.fast
def test_the_short_command_is_the_long_one() -> None:
    assert in_full(["trainer.max_steps=chinchilla*0.5,1", "budget=3h", "--dry-run"]) == [
        "search.chinchilla=[0.5,1]",
        "search.flops=null",
        "search.horizons=null",
        "hydra.sweeper.budget=3h",
        "preflight=only",
    ]
    assert in_full(["max_steps=300,600"])[-1] == "search.horizons=[300,600]"
    for typed in ("chinchilla*", "chinchilla*0,1", "chinchilla*nan", "chinchila*1,2", "3,x", "-1"):
        with pytest.raises(UserError, match=r"must be chinchilla\*0.5,1,2"):
            in_full([f"trainer.max_steps={typed}"])
