"""The heads of a run as rows: for heads.csv and for the table of the page."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tuneformer.analysis.attention.analysis import AttentionAnalysis, Step
from tuneformer.measures.registry import OF_HEADS
from tuneformer.runs.csv_text import csv_text
from tuneformer.runs.probe_files import Site
from tuneformer.runs.shown_paths import shown_path

LOSS_WITHOUT = "loss_without"
PLACE = ("step", "stack", "layer", "head")


class HeadRow(NamedTuple):
    """A head at a step; values are in the order of `columns`, None where it was not measured."""

    step: int
    site: Site
    head: int
    values: tuple[float | None, ...]
    null: tuple[float | None, ...]


def columns(analysis: AttentionAnalysis) -> list[str]:
    """The measures that the run has, and the loss without the head where it is known."""
    known = set(analysis.scores.scores).union(*(step.snapshot.heads for step in analysis.steps))
    names = [measure.key for measure in OF_HEADS if measure.key in known]
    names += sorted(known - set(names))
    return [*names, LOSS_WITHOUT] if analysis.scores.loss is not None else names


def head_rows(analysis: AttentionAnalysis, steps: Sequence[Step]) -> list[HeadRow]:
    """All heads at some steps."""
    names = columns(analysis)
    return [
        HeadRow(
            step.step,
            site,
            head,
            tuple(_value(analysis, step, name, site, head) for name in names),
            tuple(_null(analysis, name, site, head) for name in names),
        )
        for step in steps
        for site, n_heads in analysis.heads.items()
        for head in range(n_heads)
    ]


def heads_csv(analyses: Sequence[AttentionAnalysis]) -> str:
    """step, stack, layer, head, the measures, `loss_without`; with two runs the run before all."""
    several = len(analyses) > 1
    measures = list(dict.fromkeys(name for analysis in analyses for name in columns(analysis)))
    rows: list[list[object]] = [[*(["run"] if several else []), *PLACE, *measures]]
    for analysis in analyses:
        names = columns(analysis)
        for row in head_rows(analysis, analysis.steps):
            of_name = dict(zip(names, row.values, strict=True))
            cells = ["" if (value := of_name.get(name)) is None else repr(value) for name in measures]
            place = [row.step, row.site[0], row.site[1], row.head]
            rows.append([*([shown_path(analysis.path)] if several else []), *place, *cells])
    return csv_text(rows)


def write_heads(path: Path, analyses: Sequence[AttentionAnalysis]) -> None:
    """Writes heads.csv, whole or not at all."""
    from tuneformer.runs.files import write_text

    write_text(path, heads_csv(analyses))


def _value(analysis: AttentionAnalysis, step: Step, name: str, site: Site, head: int) -> float | None:
    scored = step is analysis.last and step.from_checkpoint
    if name == LOSS_WITHOUT:
        return analysis.scores.loss_without(site, head) if scored else None
    score = analysis.scores.scores.get(name) if scored else None
    values = score.values if score is not None else step.snapshot.heads.get(name, {})
    value = float(values[site][head]) if site in values else float("nan")
    return value if abs(value) < float("inf") else None


def _null(analysis: AttentionAnalysis, name: str, site: Site, head: int) -> float | None:
    score = analysis.scores.scores.get(name)
    if score is None or site not in score.null:
        return analysis.scores.loss if name == LOSS_WITHOUT else None
    value = float(score.null[site][head])
    return value if abs(value) < float("inf") else None
