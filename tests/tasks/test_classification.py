"""Classification: its metric against NumPy, and what it writes of its mistakes."""

import csv
import io

import numpy as np
import pytest
import torch

from tuneformer.data.examples.examples import Examples
from tuneformer.tasks.classification import ClassMetric, ImageClassification, TextClassification
from tuneformer.tasks.confusion import as_csv, most_confused

pytestmark = pytest.mark.fast


def test_loss_accuracy_and_confusion_are_those_of_counting() -> None:
    draw = np.random.default_rng(0)
    logits, targets = draw.normal(size=(50, 4)), draw.integers(0, 4, size=50)
    metric = ClassMetric(ImageClassification, list("abcd"))
    padded = np.append(targets[:20], [-100])
    metric.update(torch.from_numpy(np.vstack((logits[:20], logits[:1]))), torch.from_numpy(padded))
    metric.update(torch.from_numpy(logits[20:]), torch.from_numpy(targets[20:]))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = metric.compute()
    assert found["loss"].item() == pytest.approx(-np.log(probabilities[np.arange(50), targets]).mean())
    assert found["accuracy"].item() == pytest.approx((logits.argmax(axis=1) == targets).mean())
    counts = np.zeros((4, 4), dtype=int)
    np.add.at(counts, (targets, logits.argmax(axis=1)), 1)
    assert metric.confusion.tolist() == counts.tolist()
    assert metric.files()["confusion.csv"] == as_csv(counts.tolist(), list("abcd"))


def test_the_matrix_has_a_row_for_each_truth() -> None:
    rows = list(csv.reader(io.StringIO(as_csv([[5, 1], [0, 3]], ["no", "da"]))))
    assert rows[0][1:] == ["no", "da"]
    assert rows[1:] == [["no", "5", "1"], ["da", "0", "3"]]


def test_the_most_frequent_mistakes_come_first() -> None:
    text = most_confused([[5, 1, 0], [4, 3, 2], [0, 0, 9]], ["no", "da", "sv"])
    assert text.splitlines() == [
        "da taken for no: 4 of 9",
        "da taken for sv: 2 of 9",
        "no taken for da: 1 of 6",
    ]
    assert most_confused([[1, 0], [0, 1]], ["a", "b"]) == "nothing is confused\n"


def test_a_text_is_shown_to_the_model_without_what_is_behind_its_end() -> None:
    seen = {}

    class Model(torch.nn.Module):
        def forward(self, tokens: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
            seen.update(tokens=tokens.tolist(), visible=visible.tolist())
            return torch.zeros(1, 2)

    batch = Examples(torch.tensor([[3, 0, -100, -100]]), torch.tensor([0]))
    Model()(*TextClassification.model_inputs(batch))
    assert seen == {"tokens": [[3, 0, 0, 0]], "visible": [[True, True, False, False]]}
