from collections.abc import Callable
from typing import Any

import pytest

from tuneformer.inference.loading import Run

Command = Callable[..., Any]


@pytest.fixture
def generated(command: Command, small_run: Run) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        answer = command("scripts/generate.py", str(small_run.path), "--tokens=40", *arguments)
        assert (answer.status, answer.err) == (0, [])
        return "\n".join(answer.out)

    return run


def test_a_seed_gives_the_same_text_again_and_another_seed_another(generated: Callable[..., str]) -> None:
    first = generated("--prompt=the fox", "--seed=1")
    assert first.startswith("the fox")
    assert len(first) > len("the fox")
    assert generated("--prompt=the fox", "--seed=1") == first
    assert generated("--prompt=the fox", "--seed=2") != first


def test_the_likeliest_text_does_not_depend_on_the_seed(generated: Callable[..., str]) -> None:
    assert generated("--temperature=0", "--seed=1") == generated("--top-k=1", "--seed=2")


def test_a_prompt_may_look_like_a_setting(generated: Callable[..., str]) -> None:
    assert generated("--prompt", "model=").startswith("model=")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["none"], "error: none is not a folder: give a run directory"),
        (["{run}", "--tokens=0"], "error: --tokens=0 must be from 1 to 1,000,000"),
        (["{run}", "--temperature=-1"], "error: --temperature=-1.0 must be a number, 0 or greater"),
        (["{run}", "--top-k=0"], "error: --top-k=0 must be at least 1"),
        (["{run}", "--prompt="], "error: --prompt is empty: give at least one token"),
        (["{run}", "--checkpoint=first"], "error: checkpoint=first must be one of last, best"),
    ],
)
def test_bad_input_of_generate_is_one_line_with_status_2(
    command: Command, small_run: Run, arguments: list[str], expected: str
) -> None:
    answer = command("scripts/generate.py", *(text.format(run=small_run.path) for text in arguments))
    assert (answer.status, len(answer.err), answer.out) == (2, 1, [])
    assert answer.err[0].startswith(expected)
