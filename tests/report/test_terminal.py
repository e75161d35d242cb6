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
        assert "2.0200 ± 0.0248" in text  # the interval of the sentence below
        assert "1.9952 to 2.0448" in text
        if width == 140:
            head = next(line for line in text.splitlines() if "best setting" in line)
            assert "test/loss ± 95 %" in head
            assert "deviation" in head
            assert "minus adamw ± 95 %" in head
        assert "Against adamw" in text
        assert "note: optimistic: lion, adamw" in text
