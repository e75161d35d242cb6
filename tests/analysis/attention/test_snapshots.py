"""Which snapshots are shown: those whose inputs the model can be given."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuneformer.analysis.attention.snapshots import read_snapshots
from tuneformer.analysis.attention.subject import Subject
from tuneformer.runs.probe_files import ProbeSnapshot, write_snapshot

pytestmark = pytest.mark.fast

TOKENS = np.array([[3, 1, 2]])
SEEN = np.ones((1, 3), dtype=np.bool_)
TARGETS = {
    "language_modelling": "tuneformer.data.corpora.text.Text",
    "text_classification": "tuneformer.data.languages.language_id.LanguageId",
    "translation": "tuneformer.data.corpora.pairs.Pairs",
    "regression": "tuneformer.data.synthetic.regression.Regression",
    "image_classification": "tuneformer.data.images.digits.Digits",
}


def told(task: str, inputs: dict[int, Any], **model: Any) -> list[str]:
    """What is said of a snapshot with these inputs; empty where it is shown."""
    write_snapshot(
        Path("run"), ProbeSnapshot(step=1, weights={("decoder", 0): np.ones((1, 3, 3))}, inputs=inputs)
    )
    config = {"data": {"task": task, "_target_": TARGETS[task]}, "model": {"vocab_size": 4, **model}}
    found, notes = read_snapshots(
        Subject(path=Path("run"), config=config, metrics={}, kept_tokenizer=None, run=None)
    )
    assert len(found) + len(notes) == 1
    return notes


@pytest.mark.parametrize(
    ("task", "inputs"),
    [
        ("language_modelling", {0: TOKENS}),
        ("text_classification", {0: TOKENS, 1: SEEN}),
        ("text_classification", {0: TOKENS}),
        ("translation", {0: TOKENS, 1: SEEN, 2: TOKENS[:, :2]}),
        ("regression", {0: np.ones((1, 3, 5), dtype=np.float32)}),
        ("image_classification", {0: np.ones((1, 1, 8, 8), dtype=np.float32)}),
    ],
)
def test_what_a_model_can_be_given_is_shown(task: str, inputs: dict[int, Any]) -> None:
    assert told(task, inputs) == []


@pytest.mark.parametrize(
    ("task", "inputs", "fault"),
    [
        ("language_modelling", {0: TOKENS + 1}, "inputs/0 has tokens beyond the vocabulary of 4"),
        ("language_modelling", {0: TOKENS - 2}, "inputs/0 has tokens beyond the vocabulary of 4"),
        ("language_modelling", {0: TOKENS * 1.0}, "inputs/0 has no tokens but 2 dimensions of float64"),
        ("language_modelling", {0: TOKENS[0]}, "inputs/0 has the shape (3,)"),
        ("language_modelling", {0: TOKENS[:, :0]}, "inputs/0 has the shape (1, 0)"),
        ("language_modelling", {0: TOKENS, 10**9: TOKENS}, "it has inputs 0, 1000000000 of a model with 1"),
        ("text_classification", {0: TOKENS, 1: TOKENS}, "inputs/1 does not say which of inputs/0"),
        ("translation", {0: TOKENS, 1: SEEN, 2: TOKENS + 9}, "inputs/2 has tokens beyond the vocabulary"),
    ],
)
def test_what_it_cannot_be_given_is_left_out_in_one_line(
    task: str, inputs: dict[int, Any], fault: str
) -> None:
    (note,) = told(task, inputs)
    assert note.startswith(f"left out: run/probes/step_1.npz is damaged: {fault}")


def test_a_vocabulary_that_is_none_is_told() -> None:
    (note,) = told("language_modelling", {0: TOKENS}, vocab_size="many")
    assert note.endswith("inputs/0 has tokens of a vocabulary that config.yaml gives as 'many'")
