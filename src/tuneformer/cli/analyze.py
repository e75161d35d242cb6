"""Shows what attention does in a run.

    %(prog)s outputs/runs/<run>
    %(prog)s --model DIR --text "..."      a folder of transformers, without a run
    %(prog)s --model DIR --image FILE      one with a vision Transformer

Maps over training, the scores of every head beside chance, and the loss with each head taken out: a few
lines here, and analysis/attention.html, attention.json and heads.csv in the run directory.
"""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from tuneformer.cli.command_line import CommandParser
from tuneformer.config.ranges import AT_LEAST_ONE
from tuneformer.errors import UserError

if TYPE_CHECKING:
    from tuneformer.analysis.attention.analysis import AttentionAnalysis

OUTPUTS = Path("outputs/models")
"""Where the page of a model without a run is written, by its name."""


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_argument(
        "run", type=Path, nargs="?", default=None, help="a run directory, such as outputs/runs/<run>"
    )
    parser.add_argument(
        "--model", type=Path, default=None, help="a folder of transformers, in place of a run"
    )
    parser.add_argument("--against", type=Path, default=None, help="another run, shown beside it")
    parser.add_argument("--text", default=None, help="the example to look at (default: one of validation)")
    parser.add_argument(
        "--target",
        default=None,
        help="of --model from text to text: what it shall write (default: what it does)",
    )
    parser.add_argument("--image", type=Path, default=None, help="of --model, in place of --text: a file")
    parser.add_number(
        "--examples", AT_LEAST_ONE, default=16, what="of validation, that heads are measured on (default: 16)"
    )
    parser.add_argument("--checkpoint", default="last", help="last or best (default: last)")
    given = parser.parse_args()

    from tuneformer.process.invocation import typed_command
    from tuneformer.process.terminal import say, show
    from tuneformer.report.attention_page.files import write_analysis
    from tuneformer.report.attention_page.html import difference_notes
    from tuneformer.runs.shown_paths import shown_command

    check_given(given)
    if given.model is not None:
        given.run = OUTPUTS / given.model.resolve().name
    analyses = analyses_of(given)
    for analysis in analyses:
        show(f"{analysis.path}, step {analysis.last.step:,}: {analysis.model}")
        for line in analysis.findings:
            show(f"  {line}")
        for line in analysis.notes:
            say(f"note: {line}")
    for line in difference_notes(analyses):
        say(f"note: {line}")
    command = shown_command(typed_command())
    files = write_analysis(given.run / "analysis", analyses, command=command)
    show(f"written: {', '.join(str(file) for file in files)}")


def analyses_of(given: Namespace) -> "list[AttentionAnalysis]":
    """What is seen in the model of a folder, or in one run or two."""
    from rich.progress import Progress

    from tuneformer.analysis.attention.analysis import analyse
    from tuneformer.analysis.attention.own_example import OwnExample
    from tuneformer.analysis.attention.pretrained import analyse_pretrained
    from tuneformer.process.escaping_console import EscapingConsole

    errors = EscapingConsole(stderr=True)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        if given.model is not None:
            example = OwnExample(text=given.text, target=given.target, image=given.image)
            return [analyse_pretrained(given.model, example, progress=progress)]
        how = {"checkpoint": given.checkpoint, "text": given.text, "examples": given.examples}
        paths = [given.run, *([given.against] if given.against else [])]
        return [analyse(path, **how, progress=progress) for path in paths]


def check_given(given: Namespace) -> None:
    """Raises UserError where it is not clear what to look at."""
    if (given.run is None) == (given.model is None):
        raise UserError("give a run directory, or --model=DIR for a folder of transformers")
    if given.model is None:
        for name in ("target", "image"):
            if getattr(given, name) is not None:
                raise UserError(f"--{name} is for --model: a run has examples of its own")
        return
    if (given.text is None) == (given.image is None):
        raise UserError("--model has no data of its own to look at: give --text=..., or --image=FILE")
    if given.against is not None:
        raise UserError("--against is for runs: leave it out with --model")
