"""A comparison as a W&B run: the same tables and figures, and the page as a file."""

from pathlib import Path
from typing import Any

from tuneformer.analysis.compare.comparison import Comparison
from tuneformer.errors import UserError
from tuneformer.report.figure import Figure, finite
from tuneformer.report.figures import all_figures
from tuneformer.report.summary import summary
from tuneformer.report.table import Table
from tuneformer.report.tables import all_tables
from tuneformer.runs.wandb_places import project_of

JOB_TYPE = "comparison"


def log_comparison(comparison: Comparison, page: Path, *, project: str | None, mode: str, name: str) -> str:
    """Logs it as one run beside `page`, and says where it is.

    Offline the run waits in <folder>/wandb for the command sync.

    Raises:
        UserError: W&B is not installed, or online and nobody is logged in.
    """
    try:
        import wandb
    except ModuleNotFoundError as error:
        raise UserError("--wandb needs a package that is not installed: pip install wandb") from error
    try:
        run = wandb.init(
            dir=str(page.parent.resolve()),
            project=project_of(project),
            mode=mode,  # pyright: ignore[reportArgumentType]
            name=name,
            job_type=JOB_TYPE,
            notes="\n".join(summary(comparison)),
            config={"sources": list(comparison.read.sources), "baseline": comparison.baseline},
            settings=wandb.Settings(silent=mode != "online", console="off"),
        )
    except wandb.Error as error:
        raise UserError(f"--wandb: {str(error).splitlines()[0]} (wandb login, or --mode=offline)") from error
    run.log({f"tables/{table.key}": _table(table) for table in all_tables(comparison)})
    run.log({f"figures/{figure.key}": _figure(figure) for figure in all_figures(comparison)})
    run.summary.update({"answer": summary(comparison), "caveats": list(comparison.caveats)})
    artifact = wandb.Artifact(f"comparison-{run.id}", type=JOB_TYPE)
    for file in (page, page.with_suffix(".csv")):
        if file.exists():
            artifact.add_file(str(file))
    run.log_artifact(artifact)
    run.finish()
    return str(run.url or Path(run.dir).parent)


def _table(table: Table) -> Any:
    import wandb

    rows: list[Any] = [[_plain(cell.value) for cell in row] for row in table.rows]
    return wandb.Table(columns=list(table.columns), data=rows, allow_mixed_types=True)


def _figure(figure: Figure) -> Any:
    import plotly.graph_objects as go

    layout = {**figure.layout, "title": {"text": figure.title}}
    return go.Figure(data=finite(figure.traces), layout=finite(layout))


def _plain(value: float | str | None) -> float | str | None:
    return finite(value)
