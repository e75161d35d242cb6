"""Does a learning rate transfer across widths?

    %(prog)s model=decoder_mup param_groups=mup

Trains models of several widths for a few steps and prints how far their activations move: flat under muP,
growing under the standard parametrisation (2203.03466, appendix D.1). Takes the settings of training.
"""

import re
from pathlib import Path

from tuneformer.cli.command_line import OverridesParser, config_of
from tuneformer.config.ranges import up_to
from tuneformer.config.shown import printable

_WIDTH = re.compile(r"0*[1-9][0-9]{0,17}")


def main() -> None:
    parser = OverridesParser(__doc__)
    parser.add_argument(
        "--widths", default="32,64,128,256,512", help="of model.d_model (default: %(default)s)"
    )
    parser.add_number("--steps", up_to(10_000), default=5, what="optimizer steps (default: 5)")
    parser.add_number("--seeds", up_to(1_000), default=3, what="models a width (default: 3)")
    parser.add_argument(
        "--png", type=Path, default=Path("outputs/coordinate_check.png"), help="where it is drawn"
    )
    given = parser.read()

    from tuneformer.errors import UserError

    texts = given.widths.split(",")
    if not all(_WIDTH.fullmatch(text) for text in texts) or len(set(texts)) < 2:
        raise UserError(f"--widths={printable(given.widths)} must be at least two numbers, as in 32,64,128")
    widths = [int(text) for text in texts]

    def config_at(width: int, seed: int) -> dict:
        return config_of(given, f"model.d_model={width}", f"seed={seed}")

    config = config_at(widths[0], 0)
    for width in widths:
        config_at(width, 0)

    from rich.progress import Progress

    from tuneformer.process.escaping_console import EscapingConsole
    from tuneformer.training.coordinate_check.measure import measure_changes
    from tuneformer.training.coordinate_check.show import draw_changes, table_of, verdict
    from tuneformer.training.start import prepare_data

    data, prepared = prepare_data(config)
    with Progress(console=EscapingConsole(stderr=True), transient=True) as progress:
        bar = progress.add_task(config["name"], total=len(widths) * given.seeds)
        changes = measure_changes(
            config_at,
            data=data,
            prepared=prepared,
            steps=given.steps,
            widths=widths,
            seeds=range(given.seeds),
            told=lambda: progress.advance(bar),
        )
    console = EscapingConsole()
    console.print(table_of(changes))
    console.print(verdict(changes), markup=False, soft_wrap=True)
    draw_changes(changes, given.png, title=config["name"])
    console.print(f"drawn: {given.png}", markup=False, soft_wrap=True)
