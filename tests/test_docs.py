"""What the documents say of options holds for the options there are."""

import importlib
import re
from pathlib import Path

import pytest

from tuneformer.config.options import list_options
from tuneformer.measures.reference import reference
from tuneformer.measures.registry import MEASURES

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("option", sorted({*list_options("optimizer", [ROOT / "conf"])} - {"any"}))
def test_every_optimizer_has_a_row_in_the_catalogue(option: str) -> None:
    rows = (ROOT / "docs" / "optimizers.md").read_text(encoding="utf-8").splitlines()
    assert any(row.startswith(f"| `{option}` |") and row.count("|") == 8 for row in rows)


def test_every_measure_in_the_tables_is_a_function() -> None:
    page = (ROOT / "docs" / "measures.md").read_text(encoding="utf-8")
    assert reference() in page, "put it there again: python -m tuneformer.measures.reference"
    rows = page.replace(reference(), "").splitlines()
    named = [re.findall(r"`([\w.]+)`", row.split("|")[1]) for row in rows if row.startswith("| `")]
    assert len(named) > 25
    for first, *others in named:
        module, _, name = first.partition(".")
        measures = importlib.import_module(f"tuneformer.measures.{module}")
        assert [other for other in (name, *others) if not callable(getattr(measures, other, None))] == []
    explained = {
        f"{first.partition('.')[0]}.{name.rpartition('.')[2]}"
        for first, *more in named
        for name in (first, *more)
    }
    assert {measure.function for measure in MEASURES if measure.function is not None} - explained == set()
