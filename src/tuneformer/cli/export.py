"""Writes a run's model as a folder of transformers.

    %(prog)s outputs/runs/<run> --to DIR

Where transformers has no such model it is plain safetensors.
"""

from pathlib import Path

from tuneformer.cli.command_line import CommandParser


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_argument("run", type=Path, help="a run directory, such as outputs/runs/<run>")
    parser.add_argument("--to", type=Path, required=True, help="a folder that is new or empty")
    parser.add_argument("--checkpoint", default="last", help="last or best (default: last)")
    given = parser.parse_args()

    import tuneformer
    from tuneformer.inference.exporting import export
    from tuneformer.process.terminal import show

    run = tuneformer.load_run(given.run, checkpoint=given.checkpoint)
    for line in export(run, given.to):
        show(f"{given.to}: {line}")
