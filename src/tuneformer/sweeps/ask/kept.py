"""ask.json in the sweep's folder: what a question that goes on must know of how it was first asked."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tuneformer.errors import UserError
from tuneformer.runs.files import write_json
from tuneformer.runs.plain_files import read_json
from tuneformer.sweeps.ask.budget import UNITS, Budget

FILE = "ask.json"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """How a question was first asked.

    Attributes:
        question: a digest of methods, ranges, lengths and seeds.
        first: the budget, once it was found large enough.
        at_a_time: how many runs went on at the same time.
        seconds_to_start: what a run takes beside its own seconds; None where that does not matter or is not
            measured yet.
    """

    question: str
    first: Budget | None = None
    at_a_time: int | None = None
    seconds_to_start: float | None = None

    def write(self, folder: Path) -> None:
        """Write the file, whole or not at all."""
        write_json(folder / FILE, asdict(self))


def read_kept(folder: Path, *, question: str, budget: Budget, sweep: str) -> Kept:
    """What is kept of the question, or a beginning where nothing is.

    Raises:
        UserError: the sweep holds another question, the file is damaged, or the budget is another kind of one
            than the first, or smaller.
    """
    try:
        stored = read_json(folder / FILE)
    except FileNotFoundError:
        return Kept(question=question)
    kept = _kept(stored)
    if kept is None:
        raise UserError(
            f"{folder / FILE} is damaged: delete it, and the question begins anew with the runs there are"
        )
    if kept.question != question:
        raise UserError(
            f"sweep={sweep} holds another question (methods, settings, lengths or ranges differ): choose"
            " another sweep=<name>"
        )
    if kept.first is not None and (kept.first.unit != budget.unit or budget.amount < kept.first.amount):
        raise UserError(
            f"hydra.sweeper.budget={budget}: the question was first asked with {kept.first}; give as much or"
            " more"
        )
    return kept


def _kept(stored: Any) -> Kept | None:
    if not isinstance(stored, dict) or not isinstance(stored.get("question"), str):
        return None
    first, times, starts = (stored.get(name) for name in ("first", "at_a_time", "seconds_to_start"))
    if first is not None:
        if (
            not isinstance(first, dict)
            or first.get("unit") not in UNITS
            or not _is_positive(first.get("amount"))
        ):
            return None
        first = Budget(amount=float(first["amount"]), unit=first["unit"])
    if not all(value is None or _is_positive(value) or value == 0 for value in (times, starts)):
        return None
    return Kept(
        question=stored["question"],
        first=first,
        at_a_time=None if times is None else max(1, int(times)),
        seconds_to_start=None if starts is None else float(starts),
    )


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e300
