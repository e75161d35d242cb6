"""Saves the W&B workspace and report of the project.

With no login it writes both as JSON, and says what to do.
"""

from pathlib import Path

from tuneformer.cli.command_line import CommandParser


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_argument(
        "--project", default=None, help="W&B project (default: WANDB_PROJECT, else tuneformer)"
    )
    parser.add_argument("--entity", default="", help="W&B user or team (default: yours)")
    parser.add_argument(
        "--to", type=Path, default=Path("outputs/dashboard"), help="folder for the JSON (no login)"
    )
    given = parser.parse_args()

    from tuneformer.errors import UserError

    try:
        from tuneformer.report.workspace import as_json, build_report, build_workspace
    except ModuleNotFoundError as error:
        raise UserError("the dashboard needs an extra: pip install 'tuneformer[dashboard]'") from error
    from tuneformer.process.invocation import command_for
    from tuneformer.process.terminal import show
    from tuneformer.report.wandb_login import default_entity
    from tuneformer.runs.files import write_text
    from tuneformer.runs.wandb_places import project_of

    project = project_of(given.project)
    entity = given.entity or default_entity()
    if entity is not None:
        for name, made in (
            ("workspace", build_workspace(entity, project)),
            ("report", build_report(entity, project)),
        ):
            made.save()
            show(f"{name}: {made.url}")
        return
    given.to.mkdir(parents=True, exist_ok=True)
    for name, made in (
        ("workspace", build_workspace("entity", project)),
        ("report", build_report("entity", project)),
    ):
        write_text(given.to / f"{name}.json", as_json(made) + "\n")
    show(f"written: {given.to / 'workspace.json'}, {given.to / 'report.json'}")
    again = command_for("dashboard")
    show(f"nobody is logged in to W&B: `wandb login`, then `{again}` again, saves both to your project")
