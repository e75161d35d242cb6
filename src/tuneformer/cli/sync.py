"""Uploads what was run offline to W&B, each run once.

    %(prog)s outputs/sweeps/<sweep>

Stopped and started again it goes on with what is left.
"""

import sys
from pathlib import Path

from tuneformer.cli.command_line import CommandParser


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="run directories, or folders of them")
    parser.add_argument("--project", default=None, help="W&B project (default: that of each run)")
    parser.add_argument("--entity", default=None, help="W&B user or team (default: that of each run)")
    given = parser.parse_args()

    from tuneformer.errors import UserError
    from tuneformer.process.terminal import show
    from tuneformer.report.wandb_login import has_login
    from tuneformer.report.wandb_sync import find_offline_runs, upload

    runs = find_offline_runs(given.folders)
    left = [run for run in runs if run.left and not run.training]
    if left and not has_login():
        raise UserError("nobody is logged in to W&B: wandb login, or WANDB_API_KEY in the environment")
    failed = 0
    for number, run in enumerate(left, start=1):
        reason = upload(run, project=given.project, entity=given.entity)
        failed += reason is not None
        show(f"{number} of {len(left)}, {run.path}: {f'failed: {reason}' if reason else 'uploaded'}")
    training = sum(run.training for run in runs)
    there = sum(not run.left for run in runs)
    show(f"{len(left) - failed} uploaded, {there} were there, {training} still training, {failed} failed")
    if failed:
        sys.exit(1)
