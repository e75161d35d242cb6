"""Predicts loss, best learning rate and best batch of a size and length from sweeps of smaller ones.

    %(prog)s --table losses.csv --to "parameters=4e8 tokens=5e10"

The table has a row for each run: parameters, tokens, learning_rate, a column of batches, and its loss.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tuneformer.cli.command_line import CommandParser
from tuneformer.errors import UserError


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = CommandParser(__doc__)
    parser.add_argument("--table", type=Path, required=True, help="a CSV of runs")
    parser.add_argument("--to", required=True, help='what is predicted: "parameters=... tokens=..."')
    parser.add_argument("--leave-out", default="", help='rows that are not used: "parameters=..."')
    parser.add_argument(
        "--loss", default=None, help="column of losses (default: loss, smoothed_loss, final_loss)"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args()


def main() -> None:
    given = arguments()

    from tuneformer.analysis.laws.prediction import predict
    from tuneformer.analysis.laws.sweep_table import PARAMETERS, TOKENS, read_sweeps
    from tuneformer.process.terminal import show

    wanted = numbers_of("--to", given.to)
    if wanted.keys() != {PARAMETERS, TOKENS}:
        raise UserError(f'--to={given.to!r} must say "{PARAMETERS}=... {TOKENS}=..."')
    table = read_sweeps(given.table, loss=given.loss, leave_out=numbers_of("--leave-out", given.leave_out))
    found = predict(table.sweeps, parameters=wanted[PARAMETERS], tokens=wanted[TOKENS])
    values = {"loss": found.loss, "learning_rate": found.learning_rate, "batch_size": found.batch_size}
    if given.json:
        said: dict[str, Any] = {name: asdict(value) for name, value in values.items() if value is not None}
        show(json.dumps({**said, "sweeps": len(table.sweeps), "notes": list(found.notes)}))
        return
    units = {"loss": f" ({table.loss})", "batch_size": f" ({table.batch})"}
    where = " ".join(f"{name}={value:.6g}" for name, value in wanted.items())
    show(f"from {len(table.sweeps)} sweeps, at {where}:")
    for name, value in values.items():
        if value is not None:
            interval = f"95 % interval {value.low:.4g} to {value.high:.4g}"
            show(f"  {name} {value.value:.4g}, {interval}{units.get(name, '')}")
    law = found.law
    show(
        f"loss = {law.floor:.4g} + {law.of_parameters:.3g} (parameters / {law.units[0]:.3g})^-{law.a:.3g}"
        f" + {law.of_tokens:.3g} (tokens / {law.units[1]:.3g})^-{law.b:.3g}"
    )
    for note in found.notes:
        show(f"note: {note}")


def numbers_of(option: str, text: str) -> dict[str, float]:
    """`name=number name=number` as a mapping.

    Raises:
        UserError: it is something else.
    """
    found = {}
    for part in text.split():
        name, _, value = part.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            raise UserError(f"{option}={text!r}: {part} must be <name>=<positive number>")
        found[name] = number
    return found
