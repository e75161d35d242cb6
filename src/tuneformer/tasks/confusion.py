"""A confusion matrix for people: counts[i][j] examples of class i were taken for class j."""

from collections.abc import Sequence

from tuneformer.runs.csv_text import csv_text

N_SHOWN = 10


def as_csv(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """A header of answers, then a row a class."""
    rows = ([name, *row] for name, row in zip(classes, counts, strict=True))
    return csv_text([["truth \\ answer", *classes], *rows])


def most_confused(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """The pairs that are confused most often, a line each."""
    wrong = [
        (counts[truth][answer], truth, answer)
        for truth in range(len(classes))
        for answer in range(len(classes))
        if truth != answer and counts[truth][answer]
    ]
    lines = [
        f"{classes[truth]} taken for {classes[answer]}: {number} of {sum(counts[truth])}"
        for number, truth, answer in sorted(wrong, key=lambda pair: (-pair[0], pair[1:]))[:N_SHOWN]
    ]
    return "\n".join(lines or ["nothing is confused"]) + "\n"
