"""Rich's console, for tables and bars, with nothing in their text that a terminal would obey."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from tuneformer.process.terminal import printable


class EscapingConsole(Console):
    """Text from wherever is shown as it is: square brackets are no markup, `:name:` is no emoji.

    Control characters are escaped (see `terminal`), before widths are measured where the text is a string.
    What is to be coloured is a `Text` with a style.
    """

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **settings: Any) -> Text:
        return super().render_str(printable(text), **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        # whatever was made as a Text comes by here
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else printable(segment.text)
            yield segment if text == segment.text else Segment(text, segment.style)
