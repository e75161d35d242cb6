"""The page of a run: what it says, and in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.analysis.diagnosis.planted import plant
from tests.analysis.diagnosis.test_rules import FAULTS
from tests.report.conftest import EVIL
from tests.report.watched_page import SIZES, Watched
from tuneformer.errors import UserError
from tuneformer.report.run_page.content import read_content
from tuneformer.report.run_page.html import write_page


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a fault, whose name and sample are hostile."""
    record = {
        "name": EVIL,
        "command": "python train.py optimizer.lr=0.1 seed=3 run_dir=x",
        "data": {
            "task": "language_modelling",
            "fingerprint": "f",
            "unit": "tokens",
            "references": {"bigram": 2.4},
        },
    }
    folder = plant(tmp_path / "run", record=record, **FAULTS["rank_collapse"][0])
    (folder / "sample.txt").write_text(f"what it writes {EVIL}")
    return folder


@pytest.mark.fast
def test_a_page_says_what_its_directory_holds(run: Path) -> None:
    content = read_content(run)
    assert content.name == EVIL
    assert content.panels[0].levels == {"bigram model": 2.4}
    assert "rank_collapse" in [finding.rule for finding in content.diagnosis.findings]
    assert content.heads is not None
    assert [head for head, _ in content.heads.rows] == [
        f"decoder.{i}.{j}" for i in range(2) for j in range(2)
    ]
    assert content.sample == f"what it writes {EVIL}"
    told = dict(content.next)
    expected = "python train.py optimizer.lr=0.1 --multirun scheduler.warmup=0,0.1 seed=0,1,2 sweep=warmup"
    assert told["Change one thing, over three seeds"] == expected


@pytest.mark.fast
def test_a_run_that_measured_nothing_has_no_page(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run"):
        write_page(tmp_path)
    run = plant(tmp_path / "run")
    (run / "metrics.csv").unlink()
    with pytest.raises(UserError, match=r"has no metrics\.csv: nothing was measured"):
        write_page(run)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_every_curve_is_drawn_without_an_error_or_a_request(
    size: tuple[int, int], browser: Browser, run: Path
) -> None:
    file, content = write_page(run), read_content(run)
    watched = Watched(browser, file, size)
    page = watched.page
    for panel in content.panels:
        assert page.locator(f"#panel-{panel.key} svg path").count() == len(panel.curves)
    page.hover("#panel-loss svg")
    assert page.inner_text("#readout").startswith("Step ")
    assert page.evaluate("window.broken") is None
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    assert (watched.complaints, watched.requests) == ([], [file.as_uri()])
    page.close()
