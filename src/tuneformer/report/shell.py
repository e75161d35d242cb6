"""One HTML file that asks nothing of any network: the shell that every page stands in."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

SHELL = Path(__file__).parent / "page"
DRAWING = [SHELL / "svg.js"]
"""What scripts that draw stand on; it goes before theirs."""
PANELS = [*DRAWING, SHELL / "panels.js"]
"""The same of those that draw curves over steps, which take these styles too."""
PANEL_STYLES = [SHELL / "panels.css"]


def render_shell(template: Path, *, styles: Sequence[Path], scripts: Sequence[Path], **values: Any) -> str:
    """The page of a template over shell.html.j2, with its styles and scripts; all else in it is escaped."""
    templates = Environment(
        loader=FileSystemLoader([SHELL, template.parent]), autoescape=True, trim_blocks=True
    )
    return templates.get_template(template.name).render(
        css=_text_of([SHELL / "shell.css", *styles]),
        script=_text_of([SHELL / "shell.js", *scripts]),
        **values,
    )


def script_json(content: Any) -> Markup:
    """JSON that no text in it can break out of."""
    text = json.dumps(content, allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _text_of(files: Sequence[Path]) -> Markup:
    return Markup("\n").join(Markup(file.read_text(encoding="utf-8")) for file in files)
