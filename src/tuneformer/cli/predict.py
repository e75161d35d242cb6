"""Predicts loss, best learning rate, batch and decay of a large model from runs of smaller ones.

    %(prog)s outputs/sweeps/mine --to "model.d_model=256 trainer.max_steps=chinchilla*1"
    %(prog)s outputs/sweeps/mine --to "model.size=gpt2 trainer.max_steps=20000"
    %(prog)s --table losses.csv --to "parameters=4e8 tokens=5e10"

The folder is that of a `tuneformer ladder`. A table has a row for each run: parameters, tokens,
learning_rate, a column of batches, and its loss. Parameters are those without embeddings and output matrix.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tuneformer.cli.command_line import CommandParser
from tuneformer.errors import UserError
from tuneformer.process.terminal import show


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = CommandParser(__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="the folder of a ladder")
    parser.add_argument("--table", type=Path, help="a CSV of runs in place of it")
    parser.add_argument(
        "--to", required=True, help='what is predicted: settings, or "parameters=... tokens=..."'
    )
    parser.add_argument(
        "--leave-out", default="", help='rows of the table that are not used: "parameters=..."'
    )
    parser.add_argument(
        "--loss", default=None, help="the table's column (default: loss, smoothed_loss, final_loss)"
    )
    parser.add_argument("--joint", action="store_true", help="a term of parameters and tokens together")
    parser.add_argument("--page", type=Path, help="a file for the page: the law with its points and band")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    if (given.folder is None) == (given.table is None):
        raise UserError("give the folder of a ladder, or --table with a CSV of runs")
    if given.table is not None:
        if given.page is not None:
            raise UserError("--page is of a ladder: a table has none")
        _from_table(given)
        return
    if given.leave_out or given.loss is not None:
        raise UserError("--leave-out and --loss are for --table: a ladder leaves out each size in turn")
    _from_ladder(given)


def _from_ladder(given: argparse.Namespace) -> None:
    from tuneformer.analysis.laws.ladder_prediction import predict_method, ratios_of
    from tuneformer.analysis.laws.ladder_runs import read_ladder_runs
    from tuneformer.analysis.laws.wanted_model import axis_of, wanted_model
    from tuneformer.report.predicted import as_json, method_told

    runs = read_ladder_runs(given.folder)
    axis = axis_of(runs.ladder.entries[0])
    wanted = {
        name: wanted_model(given.to, given=overrides, axis=axis, vocab_size=runs.vocab_size)
        for name, overrides in runs.ladder.given.items()
    }
    methods, refused = [], {}
    for name in runs.ladder.given:
        try:
            methods.append(predict_method(runs, name, wanted[name], joint=given.joint))
        except UserError as error:
            refused[name] = str(error)
    if not methods:
        raise UserError(next(iter(refused.values())))
    ratios = ratios_of(runs, methods[0].wanted)
    if given.page is not None:
        from tuneformer.report.prediction_page import write_prediction

        write_prediction(given.page, methods, ratios, folder=given.folder, metric=runs.ladder.metric)
    if given.json:
        show(json.dumps(as_json(methods, ratios, refused)))
        return
    for found in methods:
        for line in method_told(found, metric=runs.ladder.metric):
            show(line)
    for line in [*refused.values(), *(sentence for each in ratios for sentence in each.sentences())]:
        show(line)


def _from_table(given: argparse.Namespace) -> None:
    from tuneformer.analysis.laws.prediction import predict
    from tuneformer.analysis.laws.sweep_table import PARAMETERS, TOKENS, read_sweeps
    from tuneformer.report.predicted import interval_told, law_told

    wanted = numbers_of("--to", given.to)
    if wanted.keys() != {PARAMETERS, TOKENS}:
        raise UserError(f'--to={given.to!r} must say "{PARAMETERS}=... {TOKENS}=..."')
    table = read_sweeps(given.table, loss=given.loss, leave_out=numbers_of("--leave-out", given.leave_out))
    found = predict(table.sweeps, parameters=wanted[PARAMETERS], tokens=wanted[TOKENS], joint=given.joint)
    if given.json:
        said: dict[str, Any] = {name: asdict(value) for name, value in found.values.items()}
        show(json.dumps({**said, "sweeps": len(table.sweeps), "notes": list(found.notes)}))
        return
    units = {"loss": f" ({table.loss})", "batch_size": f" ({table.batch})"}
    where = " ".join(f"{name}={value:.6g}" for name, value in wanted.items())
    show(f"from {len(table.sweeps)} sweeps, at {where}:")
    for name, value in found.values.items():
        show(f"  {name} {interval_told(value)}{units.get(name, '')}")
    show(law_told(found.law))
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
