"""The W&B workspace and report of the project, as code. wandb-workspaces is imported here alone."""

# pyright: reportPrivateImportUsage=false
import json
from collections.abc import Sequence
from typing import Any

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

from tuneformer.measures.measure import Measure
from tuneformer.measures.registry import (
    CLIPPED_GRADIENT_NORM,
    DEAD_UNITS,
    ENTROPY,
    GRADIENT_NORM,
    GRADIENT_NORM_OF_PART,
    IMPORTANCE,
    LARGEST_LOGIT,
    RANK_COLLAPSE,
    SINK_RATE,
    UPDATE_RATIO,
    WEIGHT_NORM,
)

STEP, TOKENS, SECONDS = "trainer/step", "tokens", "seconds"
GROUPED_BY = "optimizer_name"
GROUPS = ("matrices", "embeddings", "norms_and_biases")
TUNED = ("optimizer.lr", "optimizer.weight_decay", "scheduler.warmup", "trainer.max_steps", "seed")
NAME = "tuneformer"


def sections() -> list[ws.Section]:
    """Loss by optimizer, rates, gradients, attention, throughput, sweeps, and the tables of each run."""
    return [
        ws.Section(
            name="Loss by optimizer",
            is_open=True,
            panels=[
                _lines("Validation loss over steps", ["val/loss"], STEP),
                _lines("Validation loss over tokens", ["val/loss"], TOKENS),
                _lines("Validation loss over seconds", ["val/loss"], SECONDS),
                _lines("Training loss", ["train/loss"], STEP),
                wr.BarPlot(title="Test loss", metrics=["test/loss"]),
                wr.ScalarChart(title="Best validation loss", metric=wr.SummaryMetric("val/loss.min")),
            ],
        ),
        ws.Section(
            name="Learning rate and schedule",
            panels=[
                _lines("Learning rate", [f"lr/{group}" for group in GROUPS], STEP),
                _lines("Weight decay", [f"weight_decay/{group}" for group in GROUPS], STEP),
                wr.WeavePanelSummaryTable(table_name="lr_preview"),
                wr.WeavePanelSummaryTable(table_name="parameter_groups"),
            ],
        ),
        *_watched(),
        ws.Section(
            name="Throughput",
            panels=[
                _lines("Tokens per second", ["throughput/tokens_per_second"], STEP),
                _lines("Milliseconds a step", ["throughput/step_ms"], STEP),
            ],
        ),
        ws.Section(
            name="Sweep",
            panels=[
                wr.ParallelCoordinatesPlot(title="Settings and their validation loss", columns=_columns()),
                wr.RunComparer(diff_only=True),
            ],
        ),
        ws.Section(name="Text", panels=[wr.WeavePanelSummaryTable(table_name="sample")]),
    ]


def _watched() -> list[ws.Section]:
    """What is measured while a run trains."""
    return [
        ws.Section(
            name="Gradients and updates",
            panels=[
                _measure(GRADIENT_NORM),
                _measure(CLIPPED_GRADIENT_NORM),
                _measure(GRADIENT_NORM_OF_PART),
                _measure(UPDATE_RATIO, GROUPS),
                _measure(WEIGHT_NORM, GROUPS),
            ],
        ),
        ws.Section(
            name="Attention",
            panels=[
                *map(_measure, (ENTROPY, LARGEST_LOGIT, SINK_RATE, IMPORTANCE, RANK_COLLAPSE, DEAD_UNITS)),
                wr.MediaBrowser(title="What each head looks at", media_keys=["attention_maps/decoder"]),
            ],
        ),
    ]


def build_workspace(entity: str, project: str) -> ws.Workspace:
    """The workspace: runs grouped by optimizer, means with bands over seeds."""
    return ws.Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=sections(),
        settings=ws.WorkspaceSettings(x_axis=STEP),
        runset_settings=ws.RunsetSettings(
            groupby=[ws.Config(GROUPED_BY)], order=[ws.Ordering(ws.Summary("val/loss.min"), ascending=True)]
        ),
    )


def build_report(entity: str, project: str) -> wr.Report:
    """A report to begin from: the same panels under headings, with room for what they show."""
    blocks: list[Any] = [
        wr.H1("Which method trains best, and how sure are we?"),
        wr.P("Question, runs and budget. The page of a comparison has the intervals and the tests."),
        wr.TableOfContents(),
    ]
    for section in sections():
        runs = wr.Runset(groupby=[f"config.{GROUPED_BY}"])  # of the report's own project
        blocks += [wr.H2(section.name), wr.PanelGrid(runsets=[runs], panels=section.panels), wr.P("")]
    return wr.Report(entity=entity, project=project, title=NAME, blocks=blocks)


def as_json(made: ws.Workspace | wr.Report) -> str:
    """The specification as W&B stores it; it needs no network."""
    return json.dumps(json.loads(made._to_model().model_dump_json(by_alias=True)), indent=2)


def _lines(title: str, metrics: Sequence[str], axis: str) -> wr.LinePlot:
    return wr.LinePlot(
        title=title, x=axis, y=list(metrics), groupby_aggfunc="mean", groupby_rangefunc="minmax"
    )


def _measure(measure: Measure, places: Sequence[str] = ()) -> wr.LinePlot:
    """A measure at some places; at all of them, a line each, where it has several and none is named."""
    title = measure.name.capitalize()
    if places or measure.columns == measure.column:
        return _lines(title, [measure.at(place) for place in places or ("",)], STEP)
    return wr.LinePlot(title=title, x=STEP, metric_regex=f"^{measure.at('.*')}$")


def _columns() -> list[wr.ParallelCoordinatesPlotColumn]:
    log = ("optimizer.lr",)
    tuned = [wr.ParallelCoordinatesPlotColumn(metric=wr.Config(key), log=key in log) for key in TUNED]
    loss = wr.ParallelCoordinatesPlotColumn(metric=wr.SummaryMetric("val/loss.min"))
    return [wr.ParallelCoordinatesPlotColumn(metric=wr.Config(GROUPED_BY)), *tuned, loss]
