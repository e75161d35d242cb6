"""What the page of a run says, read from its directory alone."""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuneformer.analysis.diagnosis.diagnose import Diagnosis, diagnose
from tuneformer.analysis.diagnosis.evidence import Evidence, read_evidence
from tuneformer.data.task_facts import MetricFacts, TaskFacts
from tuneformer.errors import UserError
from tuneformer.process.invocation import command_for
from tuneformer.report.page_names import ATTENTION_PAGE
from tuneformer.report.run_page.changed_settings import changed_settings
from tuneformer.report.run_page.heads import HeadsTable, heads_table
from tuneformer.report.run_page.panels import RunPanel, panels
from tuneformer.report.wording import NOTHING, count, duration, measured, rate, size
from tuneformer.runs.record import RunRecord, stop_told
from tuneformer.runs.regular_file import open_regular
from tuneformer.runs.shown_paths import shown_command, shown_line, shown_path
from tuneformer.tasks.lookup import task_of

SAMPLE_FILE, ATTENTION = "sample.txt", Path("analysis") / ATTENTION_PAGE
UNIT = "tokens"
LONGEST_SAMPLE = 1 << 16
LOSS_ALONE = (MetricFacts(name="loss", label="loss"),)
NAMED = ("model", "attention", "optimizer", "scheduler")
ONE_CHANGE, SWEEP = ("scheduler.warmup=0,0.1", "seed=0,1,2"), "warmup"
SPLITS = {"val": "validation", "test": "test"}

Lines = Sequence[tuple[str, str]]
"""A label and its value."""


@dataclass(frozen=True, kw_only=True)
class RunContent:
    """One run as a reader wants it.

    Attributes:
        trained: what was trained on what, in one line.
        state: how far it came.
        results: the metrics at its end or, while it trains, the last ones.
        changed: the settings that differ from the defaults; None where they cannot be told.
        attention: the place of its attention page from here; None where it has none yet.
        next: commands to go on with, each with what it does.
    """

    path: Path
    name: str
    trained: str
    state: str
    results: Lines
    panels: Sequence[RunPanel]
    diagnosis: Diagnosis
    sample: str | None
    heads: HeadsTable | None
    attention: str | None
    changed: Sequence[str] | None
    environment: Lines
    command: str
    next: Lines


def read_content(path: Path) -> RunContent:
    """What a run directory holds.

    Raises:
        UserError: it is no run, a file is damaged, or nothing was measured yet.
    """
    evidence = read_evidence(path)
    record, task = evidence.record, _task(evidence)
    metrics = LOSS_ALONE if task is None else task.metrics
    columns = {name: _points(evidence, name) for name in evidence.columns if name != "step"}
    units = {metric.name: _unit(metric.form) for metric in metrics if metric.label is not None}
    return RunContent(
        path=path,
        name=str(record.name),
        trained=_trained(record),
        state=_state(evidence),
        results=_results(columns, record, metrics),
        panels=panels(columns, units, _references(record)),
        diagnosis=diagnose(evidence),
        sample=_sample(path / SAMPLE_FILE),
        heads=heads_table({name: points[-1][1] for name, points in columns.items() if points}),
        attention=ATTENTION.as_posix() if (path / ATTENTION).is_file() else None,
        changed=changed_settings(path),
        environment=_environment(record),
        command=shown_line(record.command),
        next=_next(evidence, task),
    )


def _task(evidence: Evidence) -> TaskFacts | None:
    """What the run's data ask of a model; None where it is not known here."""
    try:
        return task_of(evidence.config["data"])
    except UserError:
        return None


def _points(evidence: Evidence, name: str) -> list[tuple[int, float]]:
    curve = evidence.curve(name)
    return [(int(step), float(value)) for step, value in zip(curve.steps, curve.values, strict=True)]


def _unit(form: str) -> str:
    """What stands behind the number: "nats per token" of "{:.4f} nats per token"."""
    return form.partition("}")[2].strip()


def _trained(record: RunRecord) -> str:
    chosen = " + ".join(record.options[group] for group in NAMED if group in record.options)
    unit = record.data.get("unit", UNIT)
    told = [_counted(record.model.get("parameters"), "parameters"), record.options.get("data")]
    counts = record.data.get(unit)
    if isinstance(counts, Mapping):
        told.append(_counted(counts.get("train"), f"{unit} to train on"))
    return "; ".join(filter(None, (chosen, ", ".join(filter(None, told)))))


def _counted(number: Any, what: str) -> str | None:
    """A record is anybody's: what is no number in it is left out."""
    return f"{number:,} {what}" if isinstance(number, int) else None


def _state(evidence: Evidence) -> str:
    record = evidence.record
    if told := stop_told(record):
        return f"{record.status}{told}"
    step = evidence.last_step if record.status == "running" else record.steps
    return f"{record.status} at step {step:,} of {evidence.max_steps:,}"


def _results(columns: Mapping[str, Any], record: RunRecord, metrics: Sequence[MetricFacts]) -> Lines:
    found = []
    for split, label in SPLITS.items():
        for metric in metrics:
            name = f"{split}/{metric.name}"
            value = record.final.get(name, columns[name][-1][1] if columns.get(name) else None)
            if metric.label is not None and value is not None:
                found.append((f"{label} {metric.label}", metric.form.format(value)))
    return found


def _references(record: RunRecord) -> dict[str, float]:
    """Losses that the run's data name for scale: of models that count, and the best there can be."""
    simple, optimum = record.data.get("references"), record.data.get("optimum")
    found = {f"{name} model": value for name, value in simple.items()} if isinstance(simple, Mapping) else {}
    if isinstance(optimum, Mapping):
        found["best possible"] = optimum.get("val/loss")
    return {name: value for name, value in found.items() if isinstance(value, float) and math.isfinite(value)}


def _sample(file: Path) -> str | None:
    if not file.exists():
        return None
    try:
        with open_regular(file) as opened:
            return opened.read(LONGEST_SAMPLE).decode("utf-8", errors="replace")
    except OSError:
        return None


def _environment(record: RunRecord) -> Lines:
    hardware, git = record.hardware or {}, record.git or {}
    commit, changes = git.get("commit") or NOTHING, ", with changes" if git.get("dirty") else ""
    device = hardware.get("device", NOTHING)
    versions = ", ".join(f"{name} {version}" for name, version in (record.versions or {}).items())
    lines = [
        ("started", record.started),
        ("device", f"{hardware.get('devices', 1)} x {device}, {hardware.get('precision', NOTHING)}"),
        ("threads", str(hardware.get("threads", NOTHING))),
        ("processor", str(hardware.get("processor", NOTHING))),
        ("training", duration(record.train_seconds)),
        ("in all", duration(record.wall_seconds)),
        (record.data.get("unit", UNIT), count(record.seen)),
    ]
    if record.tokens_per_second is not None:
        lines.append(("tokens per second", rate(record.tokens_per_second)))
    if record.peak_bytes is not None:
        lines.append(("peak memory", size(record.peak_bytes)))
    if record.optimizer_state_bytes is not None:
        lines.append(("optimizer state", size(record.optimizer_state_bytes)))
    if (epochs := record.epochs) is not None:
        lines.append(("epochs", measured(epochs)))
    return [*lines, ("seed", str(record.seed)), ("commit", f"{commit}{changes}"), ("versions", versions)]


def _next(evidence: Evidence, task: TaskFacts | None) -> Lines:
    """What one does with a run next."""
    shown = shlex.quote(shown_path(evidence.path))
    lines = [("See what each head looks at", f"{command_for('analyze')} {shown}")]
    if task is not None and task.text == "continued":
        lines.append(("Let it write", f"{command_for('generate')} {shown} --prompt='...'"))
    if (sweep := _one_change(evidence)) is not None:
        lines.append(("Change one thing, over three seeds", sweep))
        lines.append(("and compare", f"{command_for('compare')} outputs/sweeps/{SWEEP}"))
    return lines


def _one_change(evidence: Evidence) -> str | None:
    """The run's own command as a sweep over its warmup; None where it has none, or was one of a sweep."""
    try:
        words = shlex.split(evidence.record.command)
    except ValueError:
        return None
    if not words or "--multirun" in words or math.isnan(evidence.number("scheduler.warmup")):
        return None
    kept = [word for word in words if not word.startswith(("run_dir=", "scheduler.warmup=", "seed="))]
    return shown_command([*kept, "--multirun", *ONE_CHANGE, f"sweep={SWEEP}"])
