"""What a page shows to others."""

from dataclasses import replace

import pytest

from tuneformer.analysis.compare.comparison import Comparison
from tuneformer.report.html import render_page

pytestmark = pytest.mark.fast


def test_a_command_to_paste_tells_no_page_where_the_files_of_a_machine_are(whole: Comparison) -> None:
    caveat = "fresh seeds for lion: python train.py --multirun data.path=/home/me/c.txt sweep=g seed=1"
    page = render_page(replace(whole, caveats=("plain: /words stay", caveat)), title="t", command="c")
    assert "plain: /words stay" in page
    assert "fresh seeds for lion: python train.py --multirun data.path=.../c.txt sweep=g seed=1" in page
    assert "/home/me" not in page
