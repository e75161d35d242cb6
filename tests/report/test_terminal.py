import io

import pytest
from rich.console import Console

from tuneformer.analysis.comparison import Comparison
from tuneformer.report.terminal import print_comparison


@pytest.mark.fast
def test_the_terminal_shows_the_table_the_answer_and_what_stands_against_it(plain: Comparison) -> None:
    for width in (80, 140):
        console = Console(file=io.StringIO(), width=width)
        print_comparison(plain, console)
        text = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
        assert "compared (what varies" in text
        assert "2.0200 ± 0.0100" in text
        assert ("1.9952 to 2.0448" in text.split("lion ends")[0]) == (width == 140)
        assert "Against adamw" in text
        assert "note: optimistic: lion, adamw" in text
