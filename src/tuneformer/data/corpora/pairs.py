"""Pairs of the user's own."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tuneformer.config.setting import Setting
from tuneformer.data.pairs.pair_text import Pair, PairText, distinct, held_out_from
from tuneformer.data.pairs.pairs_data import PairsData
from tuneformer.errors import UserError
from tuneformer.runs.regular_file import check_regular, open_regular

HELD_OUT_PER_SPLIT = 20
"""One source of so many goes to validation, and one to test."""


@dataclass(frozen=True, kw_only=True)
class Pairs(PairsData):
    """A UTF-8 file with a source, a tab and its translation on each line; further columns are not read.

    Pairs with equal sides are left out, each is kept once. By the SHA-256 of its source a pair goes to
    validation (one of 20), to test (one of 20) or to training, so that a source is whole in one split;
    of validation and test a pair is dropped whose source occurs in training, numbers and placeholders
    disregarded (`held_out_from`).

    Raises:
        UserError: the file is missing, empty, not UTF-8, or a line has one column.
    """

    path: Annotated[
        str, Setting("a UTF-8 file; on each line a source, a tab and its translation", weights=False)
    ]

    @property
    def file(self) -> Path:
        """The file `path`."""
        return Path(self.path).expanduser()

    def source(self) -> object:
        try:
            stat = check_regular(self.file)
        except OSError as error:
            raise UserError(f"data.path={self.path} cannot be read ({error.strerror})") from None
        # the time of change cannot be set back, as that of modification can
        return [str(self.file.resolve()), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]

    def read(self) -> PairText:
        parts: dict[str, list[Pair]] = {"train": [], "validation": [], "test": []}
        for pair in distinct(read_pairs(self.file)):
            parts[split_of(pair.source)].append(pair)
        train = parts["train"]
        return PairText(train, held_out_from(train, parts["validation"]), held_out_from(train, parts["test"]))


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a tab-separated file, in its order; empty lines are left out.

    Raises:
        UserError: it cannot be read, holds no pair, or a line has one column.
    """
    try:
        with open_regular(path) as file:
            lines = file.read().decode("utf-8").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(
            f"data.path={path} is not UTF-8 (first wrong byte at offset {error.start}): convert it to UTF-8"
        ) from None
    except OSError as error:
        raise UserError(f"data.path={path} cannot be read ({error.strerror})") from None
    pairs: list[Pair] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        columns = [" ".join(column.split()) for column in line.split("\t")]
        if len(columns) < 2 or not all(columns[:2]):
            raise UserError(
                f"data.path={path} has one column in line {number}: each line is a source, a tab and its"
                " translation"
            )
        pairs.append(Pair(columns[0], columns[1]))
    if not pairs:
        raise UserError(f"data.path={path} is empty: each line is a source, a tab and its translation")
    return pairs


def split_of(source: str) -> str:
    """The split of a source: a function of its text alone."""
    number = int.from_bytes(hashlib.sha256(source.encode()).digest()) % HELD_OUT_PER_SPLIT
    return {0: "validation", 1: "test"}.get(number, "train")
