"""ladder.json: what the points of a ladder are, so that laws can be fitted to its runs."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tuneformer.errors import UserError
from tuneformer.runs.files import write_json
from tuneformer.runs.plain_files import read_json

FILE = "ladder.json"
FORMAT = 1
TOKENS_A_PARAMETER = 20
"""Of a length of chinchilla*1 (2203.15556)."""


@dataclass(frozen=True, kw_only=True)
class LadderEntry:
    """A method at a size and a length.

    Attributes:
        name: of its study, behind that of the sweep.
        method: its name without the size.
        size: the settings that make the size, as they were given.
        parameters: without those of embeddings and of the output matrix.
        all_parameters: with them.
        tokens: that a run reads.
        flops_per_token: of training.
    """

    name: str
    method: str
    size: str
    steps: int
    parameters: int
    all_parameters: int
    tokens: int
    flops_per_token: float


@dataclass(frozen=True, kw_only=True)
class LadderFile:
    """A ladder: by method what its runs are given beside their size, length and seed, and all points."""

    metric: str
    given: dict[str, list[str]]
    entries: tuple[LadderEntry, ...]

    def write(self, folder: Path) -> None:
        """Write the file, whole or not at all."""
        write_json(folder / FILE, {"format": FORMAT, **asdict(self)})


def read_ladder(folder: Path) -> LadderFile:
    """The ladder of a sweep's folder.

    Raises:
        UserError: the folder is of no ladder, or the file is damaged.
    """
    try:
        stored: Any = read_json(folder / FILE)
    except FileNotFoundError as error:
        raise UserError(
            f"{folder} holds no {FILE}: give the folder of a `tuneformer ladder`, or --table with its runs"
        ) from error
    try:
        entries = tuple(LadderEntry(**entry) for entry in stored["entries"])
        numbers = [(each.steps, each.parameters, each.tokens, each.flops_per_token) for each in entries]
        given = {str(name): [str(each) for each in overrides] for name, overrides in stored["given"].items()}
        if not entries or any(not value > 0 for row in numbers for value in row):
            raise ValueError
        if stored["format"] != FORMAT or {each.method for each in entries} != given.keys():
            raise ValueError
        return LadderFile(metric=str(stored["metric"]), given=given, entries=entries)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{folder / FILE} is damaged: the same line of the ladder again writes it") from error
