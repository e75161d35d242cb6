"""The analysis of attention as one HTML file that asks nothing of any network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tuneformer.analysis.attention.analysis import AttentionAnalysis
from tuneformer.measures.registry import BY_KEY, OF_LAYERS
from tuneformer.report.attention_page.head_rows import LOSS_WITHOUT, columns, head_rows
from tuneformer.report.attention_page.page_data import PageData, page_data
from tuneformer.report.shell import DRAWING, render_shell, script_json
from tuneformer.runs.files import write_text
from tuneformer.runs.shown_paths import shown_path

PAGE = Path(__file__).parent / "page"
SCRIPTS = (
    "colors.js",
    "data.js",
    "state.js",
    "grid.js",
    "map.js",
    "tokens.js",
    "image.js",
    "curves.js",
    "scores.js",
    "save.js",
    "main.js",
)


def write_page(path: Path, analyses: Sequence[AttentionAnalysis], *, command: str) -> None:
    """Writes the page, whole or not at all."""
    write_text(path, render_page(analyses, command=command))


def render_page(analyses: Sequence[AttentionAnalysis], *, command: str) -> str:
    """The whole page of one run, or of two side by side. Tokens, names and settings are escaped."""
    data = page_data(analyses)
    return render_shell(
        PAGE / "attention.html.j2",
        styles=[PAGE / "attention.css"],
        scripts=[*DRAWING, *(PAGE / name for name in SCRIPTS)],
        title="Attention: " + " against ".join(analysis.name for analysis in analyses),
        analyses=analyses,
        notes=_notes(analyses, data),
        tables=[_table(analysis) for analysis in analyses],
        layer_tables=[_layer_table(analysis) for analysis in analyses],
        command=command,
        content=script_json(data.content),
        blocks={name: Markup(text) for name, text in data.blocks.items()},
        shown_path=shown_path,
    )


def _notes(analyses: Sequence[AttentionAnalysis], data: PageData) -> list[str]:
    notes = [*data.notes]
    for analysis in analyses:
        prefix = f"{analysis.name}: " if len(analyses) > 1 else ""
        notes += [prefix + note for note in analysis.notes]
    return notes + difference_notes(analyses)


def difference_notes(analyses: Sequence[AttentionAnalysis]) -> list[str]:
    """Why two runs are shown without their difference, where that is so."""
    if len(analyses) != 2:
        return []
    first, second = analyses
    if first.heads != second.heads:
        return [f"no difference is shown: the models differ in shape ({first.model}; {second.model})"]
    if dict(first.example.axes) != dict(second.example.axes):
        return ["no difference is shown: the runs were looked at on different tokens"]
    return []


def _table(analysis: AttentionAnalysis) -> dict[str, Any]:
    """All heads at the last step, with the null baseline of each number."""
    names = columns(analysis)
    labels = {LOSS_WITHOUT: "loss without it"} | {key: measure.name for key, measure in BY_KEY.items()}
    return {
        "name": analysis.name,
        "step": analysis.last.step,
        "columns": [labels.get(name, name) for name in names],
        "rows": head_rows(analysis, [analysis.last]),
    }


def _layer_table(analysis: AttentionAnalysis) -> dict[str, Any]:
    rows = []
    for stack, measures in analysis.layers.items():
        n_places = max((len(values) for values in measures.values()), default=0)
        for place in range(n_places):
            where = "before the first layer" if place == 0 else f"after layer {place - 1}"
            cells = [measures.get(each.key, [None] * n_places)[place] for each in OF_LAYERS]
            rows.append((stack, where, cells))
    return {
        "name": analysis.name,
        "columns": [f"{each.name} ({each.says})" for each in OF_LAYERS],
        "rows": rows,
    }
