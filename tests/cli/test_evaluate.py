from collections.abc import Callable
from typing import Any

import pytest

from tuneformer.inference.loading import Run

Command = Callable[..., Any]


def test_the_test_loss_of_the_record_is_printed(command: Command, small_run: Run) -> None:
    answer = command("scripts/evaluate.py", str(small_run.path))
    assert (answer.status, answer.err) == (0, [])
    assert answer.out[0] == f"{small_run.path}, last checkpoint, step 3"
    printed = dict(line.split() for line in answer.out[1:])
    final = small_run.record.final
    assert float(printed["test/loss"]) == pytest.approx(final["test/loss"], abs=1e-6)
    assert printed.keys() == {"test/loss", "test/perplexity", "test/bits_per_byte"}


def test_another_split_and_checkpoint_can_be_asked_for(command: Command, small_run: Run) -> None:
    answer = command("scripts/evaluate.py", str(small_run.path), "--split=validation", "--checkpoint=best")
    best = small_run.record.best
    assert answer.out[0].endswith(f"best checkpoint, step {int(best['step'])}")
    assert float(answer.out[1].split()[1]) == pytest.approx(best["val/loss"], abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["none"], "error: none is not a folder: give a run directory"),
        (["{run}", "--split=dev"], "error: --split=dev must be one of train, validation, test"),
        (["{run}", "--checkpoint=first"], "error: checkpoint=first must be one of last, best"),
        (["{run}", "--device=gpux"], "error: --device=gpux is not there (cpu always is): "),
    ],
)
def test_bad_input_of_evaluate_is_one_line_with_status_2(
    command: Command, small_run: Run, arguments: list[str], expected: str
) -> None:
    answer = command("scripts/evaluate.py", *(text.format(run=small_run.path) for text in arguments))
    assert (answer.status, len(answer.err), answer.out) == (2, 1, [])
    assert answer.err[0].startswith(expected)
