"""A diagnosis in the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tuneformer.analysis.diagnosis.diagnose import Diagnosis
from tuneformer.analysis.diagnosis.finding import SEVERITIES

COLORS = {"error": "red", "warning": "yellow", "info": "cyan"}


def print_diagnosis(diagnosis: Diagnosis, console: Console) -> None:
    """Findings in a table, gravest first, and below it what could not be looked at."""
    if diagnosis.findings:
        table = Table(title=str(diagnosis.path), title_justify="left", show_lines=True)
        for column in ("", "since", "finding", "why"):
            table.add_column(column, justify="right" if column == "since" else "left")
        for finding in diagnosis.findings:
            color = COLORS[finding.severity]
            name = finding.rule.replace("_", " ")
            table.add_row(
                Text(finding.severity, style=color),
                f"{finding.since:,}",
                Text.assemble((name, "bold"), f"\n{finding.evidence}"),
                Text.assemble(finding.why, (f"\ntry {finding.override}" if finding.override else "", "bold")),
            )
        console.print(table)
    else:
        console.print(f"{diagnosis.path}: nothing found", markup=False, soft_wrap=True)
    for note in diagnosis.notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    for name, unmet in diagnosis.blind.items():
        console.print(f"not looked at: {name.replace('_', ' ')} ({unmet})", markup=False, soft_wrap=True)


def print_counts(diagnoses: Sequence[Diagnosis], console: Console) -> None:
    """A line a run: how many findings of each severity, and the gravest."""
    table = Table(title="findings", title_justify="left")
    for column in ("run", *SEVERITIES, "gravest"):
        table.add_column(column, justify="right" if column in SEVERITIES else "left")
    for each in diagnoses:
        gravest = each.findings[0].rule.replace("_", " ") if each.findings else ""
        table.add_row(each.path.name, *(str(each.count(s)) for s in SEVERITIES), gravest)
    console.print(table)
