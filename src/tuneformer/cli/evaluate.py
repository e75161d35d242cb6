"""Prints the metrics of a run's weights.

%(prog)s outputs/runs/<run>
"""

from pathlib import Path

from tuneformer.cli.command_line import CommandParser


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_argument("run", type=Path, help="a run directory, such as outputs/runs/<run>")
    parser.add_argument("--split", default="test", help="train, validation or test (default: test)")
    parser.add_argument("--checkpoint", default="last", help="last or best (default: last)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps (default: cpu)")
    arguments = parser.parse_args()

    import tuneformer
    from tuneformer.inference.evaluation import available_device, evaluate
    from tuneformer.process.terminal import say, show
    from tuneformer.runs.record import stop_told

    device = available_device(arguments.device)
    run = tuneformer.load_run(arguments.run, checkpoint=arguments.checkpoint)
    if told := stop_told(run.record):
        say(f"{run.path} stopped{told}")
    values = evaluate(run, split=arguments.split, device=device)
    show(f"{run.path}, {arguments.checkpoint} checkpoint, step {run.step:,}")
    for name, value in values.items():
        show(f"{arguments.split}/{name:15} {value:.6f}")
