"""Two processes that train together: what one of them says when it fails."""

from pathlib import Path

import pytest

from tests.training.two_ranks import train_in_two_ranks


@pytest.mark.proof
@pytest.mark.timeout(120)
def test_a_rank_that_fails_is_named_with_its_reason_and_nobody_waits(tiny: list[str], tmp_path: Path) -> None:
    runs = {"good": [*tiny, "trainer=ddp"], "bad": [*tiny, "trainer=ddp", "optimizer.lr=-1"]}
    with pytest.raises(AssertionError, match=r"(?s)rank \d: good\nbad\nTraceback.*optimizer\.lr=-1"):
        train_in_two_ranks(runs, tmp_path)
    assert (tmp_path / "good/metrics.csv").exists()
