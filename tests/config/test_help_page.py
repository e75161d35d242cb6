"""What --help shows."""

import re

import pytest

from tuneformer.config.help_page import help_page
from tuneformer.config.schema import GROUPS
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


def test_it_shows_the_settings_of_what_is_chosen_with_their_meaning() -> None:
    page = help_page(["optimizer=muon", "optimizer.lr=0.03", "callbacks.sample.prompt='\n'"])
    assert re.search(r"^optimizer=muon$", page, re.MULTILINE)
    assert re.search(
        r"^  optimizer\.lr=0\.03 +peak rate of the hidden matrices \[a number, \(0, 1e\+38\]\]$", page, re.M
    )
    assert "optimizer.matrices.ns_steps=5" in page
    assert re.search(r"^  param_groups\.rules=\(5 rules\) ", page, re.MULTILINE)
    assert re.search(r"^  seed=0 +initial weights", page, re.MULTILINE)
    assert "callbacks.sample.prompt=\\n " in page


def test_every_group_has_its_options_and_no_interpolation_is_left() -> None:
    page = help_page([])
    for group in (*GROUPS, "experiment"):
        assert re.search(rf"^{group}: \w+", page, re.MULTILINE)
    assert "${" not in page
    assert "_target_" not in page


def test_what_cannot_be_composed_is_told() -> None:
    with pytest.raises(UserError, match="not a folder"):
        help_page([], "nowhere")
