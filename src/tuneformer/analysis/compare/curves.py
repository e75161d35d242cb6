"""The columns of a metrics.csv that a comparison needs, as arrays."""

import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tuneformer.errors import UserError, reason_of
from tuneformer.runs.metrics_file import column_names
from tuneformer.runs.regular_file import open_regular

ALWAYS = ("step", "tokens", "seconds", "train/loss")
RATE = "lr"
AT_MOST_BYTES = 1 << 32
BLOCK_BYTES = 1 << 18
KEPT_BYTES = 1 << 24
"""malloc maps large arrays anew each time, until one of a size was freed: then it keeps what is smaller."""
LONGEST_LINE = 1 << 20
COMMA, END = b",\n"
MISFIT = "its rows do not fit its first line"


def read_curves(path: Path, metrics: Collection[str]) -> dict[str, np.ndarray]:
    """Step, tokens, seconds, losses and `metrics` of every row, NaN where it has no value.

    `lr` is the highest rate of any parameter group. A last line without its end was cut off by a kill, and
    is left out. Empty where there is no file. The file is read in blocks: only the columns are in memory.

    Raises:
        UserError: the file is damaged.
    """
    if not path.exists():
        return {}
    try:
        with open_regular(path) as file:
            first = file.readline(LONGEST_LINE)
            header = column_names(first)
            if "step" not in header or not first.endswith(b"\n"):
                raise ValueError(MISFIT)
            columns = _Columns(header, metrics).read(file)
        steps = columns["step"]
        if not np.isfinite(steps).all() or (np.diff(steps) < 0).any():
            raise ValueError("its steps do not go up from row to row")
        return columns
    except (OSError, ValueError) as error:
        raise UserError(f"{path.name} is damaged: {reason_of(error)}") from error


class _Columns:
    """The wanted columns of the rows so far; what stands behind them in a row is not taken apart."""

    def __init__(self, header: Sequence[str], metrics: Collection[str]) -> None:
        self._n_columns = len(header)
        self._wanted = {name: i for i, name in enumerate(header) if name in ALWAYS or name in metrics}
        self._rates = [i for i, name in enumerate(header) if name.startswith("lr/")]
        self._depth = max([*self._wanted.values(), *self._rates]) + 1
        names = [*self._wanted, *([RATE] if self._rates else [])]
        self._blocks: dict[str, list[np.ndarray]] = {name: [np.empty(0)] for name in names}

    def read(self, file: BinaryIO) -> dict[str, np.ndarray]:
        """Everything behind the header."""
        np.empty(KEPT_BYTES, np.uint8)  # freed at once: a third of the time of reading goes with it
        rest, n_read = b"", 0
        while block := file.read(BLOCK_BYTES):
            n_read += len(block)
            end = block.rfind(b"\n") + 1
            if n_read > AT_MOST_BYTES or len(rest) > LONGEST_LINE:
                raise ValueError(f"it is larger than {AT_MOST_BYTES:,} bytes, or has a line without an end")
            if end:
                self._add(rest + block[:end])
                rest = block[end:]
            else:
                rest += block
        return {name: np.concatenate(blocks) for name, blocks in self._blocks.items()}

    def _add(self, lines: bytes) -> None:
        """Takes whole lines apart: where commas and ends are, and what stands up to the last wanted one."""
        if b"\r" in lines:  # asked first: the replacement alone takes a tenth of the time of reading
            lines = lines.replace(b"\r\n", b"\n")
        characters = np.frombuffer(lines, np.uint8)
        is_end = characters == END
        places = np.flatnonzero((characters == COMMA) | is_end)
        n_lines, left = divmod(len(places), self._n_columns)
        if left or not n_lines:
            raise ValueError(MISFIT)
        places = places.reshape(n_lines, self._n_columns)
        if np.count_nonzero(is_end) != n_lines or not is_end[places[:, -1]].all():
            raise ValueError(MISFIT)
        starts, ends = [0, *(places[:-1, -1] + 1).tolist()], places[:, self._depth - 1].tolist()
        text = b",".join([lines[start:end] for start, end in zip(starts, ends, strict=True)])
        values = _numbers(text, n_lines * self._depth).reshape(n_lines, self._depth)
        for name, i in self._wanted.items():
            self._blocks[name].append(values[:, i].copy())
        if self._rates:
            self._blocks[RATE].append(values[:, self._rates].max(axis=1))


def _numbers(text: bytes, expected: int) -> np.ndarray:
    """The numbers between commas, NaN where there is none; ValueError for anything else."""
    while b",," in text:  # a second time for every other one of several in a row
        text = text.replace(b",,", b",nan,")
    text = (b"nan" if text.startswith(b",") else b"") + text + (b"nan" if text.endswith(b",") else b"")
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # what NumPy says of text that is no number
        try:
            values = np.fromstring(text, sep=",")
        except DeprecationWarning:
            values = np.empty(0)
    if len(values) != expected:
        raise ValueError("a value in it is no number")
    return values
