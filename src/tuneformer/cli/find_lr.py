"""Finds a learning rate to try first.

    %(prog)s optimizer=muon model.d_model=256

Trains the configuration for some steps while the rate grows, draws the loss against the rate, and leaves
nothing behind but the picture and the numbers. Takes the settings of training.
"""

import math
from pathlib import Path

from tuneformer.cli.command_line import OverridesParser, config_of
from tuneformer.config.ranges import POSITIVE, Range

STEPS = Range(
    low=20,
    high=100_000,
    holds_low=True,
    holds_high=True,
    words="must be at least 20, since fewer losses say nothing, and at most 100,000",
)


def main() -> None:
    parser = OverridesParser(__doc__)
    parser.add_number(
        "--low", POSITIVE, of=float, default=None, what="first rate (default: a thousandth of optimizer.lr)"
    )
    parser.add_number(
        "--high",
        POSITIVE,
        of=float,
        default=None,
        what="last rate (default: a thousand times optimizer.lr)",
    )
    parser.add_number("--steps", STEPS, default=200, what="optimizer steps (default: 200)")
    parser.add_argument(
        "--to",
        type=Path,
        default=Path("outputs/find_lr"),
        help="where <to>.png and <to>.csv are written",
    )
    given = parser.read()

    from tuneformer.errors import UserError

    config = config_of(given)
    lr = config["optimizer"]["lr"]
    low = lr / 1000 if given.low is None else given.low
    high = lr * 1000 if given.high is None else given.high
    if not 0 < low < high < math.inf:
        raise UserError(f"--low={low:g} must be positive and below --high={high:g}, a number")

    from rich.progress import Progress

    from tuneformer.process.escaping_console import EscapingConsole
    from tuneformer.process.terminal import show
    from tuneformer.training.lr_range_test.run import sweep_rates
    from tuneformer.training.lr_range_test.show import lines_of, write_sweep
    from tuneformer.training.lr_range_test.suggestion import suggest
    from tuneformer.training.memory_needed import check_memory
    from tuneformer.training.start import prepare_data

    data, prepared = prepare_data(config)
    check_memory(config, data=data, prepared=prepared)
    with Progress(console=EscapingConsole(stderr=True), transient=True) as progress:
        bar = progress.add_task(config["name"], total=given.steps)
        sweep = sweep_rates(
            config,
            data=data,
            prepared=prepared,
            low=low,
            high=high,
            steps=given.steps,
            told=lambda step: progress.update(bar, completed=step),
        )
    found = suggest(sweep.rates, sweep.losses)
    for line in lines_of(sweep, found):
        show(line)
    written = write_sweep(sweep, found, title=config["name"], to=given.to)
    show(f"written: {' '.join(str(file) for file in written)}")
