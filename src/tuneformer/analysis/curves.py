"""The columns of a metrics.csv that a comparison needs, as arrays."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from tuneformer.errors import UserError, reason_of
from tuneformer.runs.regular_file import read_regular

ALWAYS = ("step", "tokens", "seconds", "train/loss")
RATE = "lr"
AT_MOST_BYTES = 1 << 32


def read_curves(path: Path, metrics: Collection[str]) -> dict[str, np.ndarray]:
    """Step, tokens, seconds, losses and `metrics` of every row, NaN where it has no value.

    `lr` is the highest rate of any parameter group. A last line without its end was cut off by a kill, and
    is left out. Empty where there is no file.

    Raises:
        UserError: the file is damaged.
    """
    if not path.exists():
        return {}
    try:
        text = read_regular(path, at_most=AT_MOST_BYTES).decode("utf-8")
        first, *lines = text[: text.rfind("\n") + 1].splitlines()
        header = first.split(",")
        if any(line.count(",") != len(header) - 1 for line in lines) or "step" not in header:
            raise ValueError("its rows do not fit its first line")
        wanted = {name: i for i, name in enumerate(header) if name in ALWAYS or name in metrics}
        places = [*wanted.values(), *(i for i, name in enumerate(header) if name.startswith("lr/"))]
        depth = max(places) + 1  # what stands behind is not taken apart
        rows = [line.split(",", depth)[:depth] for line in lines]
        columns = list(zip(*rows, strict=True)) if rows else [()] * depth
        curves = {name: _numbers(columns[i]) for name, i in wanted.items()}
        rates = [_numbers(columns[i]) for i, name in enumerate(header) if name.startswith("lr/")]
    except (OSError, ValueError) as error:
        raise UserError(f"{path.name} is damaged: {reason_of(error)}") from error
    if rates:
        curves[RATE] = np.max(rates, axis=0)
    return curves


def _numbers(texts: Collection[str]) -> np.ndarray:
    return np.array([float(text) if text else np.nan for text in texts])
