"""The page in a real browser: Debian's chromium, driven by Playwright."""

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.report.conftest import EVIL
from tests.report.watched_page import SIZES, Watched
from tuneformer.analysis.compare.comparison import Comparison
from tuneformer.report.figures import all_figures
from tuneformer.report.html import write_page


@pytest.fixture(scope="module")
def page_file(whole: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "comparison.html"
    write_page(path, whole, title=f"Comparison {EVIL}", command=f"compare {EVIL}")
    return path


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_the_page_draws_every_figure_without_an_error_or_a_request(
    size: tuple[int, int], browser: Browser, page_file: Path, whole: Comparison
) -> None:
    watched = Watched(browser, page_file, size)
    drawn = watched.draw_everything()
    assert drawn >= len(all_figures(whole))
    assert watched.page.locator("[data-figure]").count() == len(all_figures(whole))
    assert watched.complaints == []
    assert watched.requests == [page_file.as_uri()]
    # nothing but tables scrolls sideways
    assert watched.page.evaluate("document.documentElement.scrollWidth") == size[0]
    watched.page.close()


SEND = """(how) => new Promise((refused) => {
  document.addEventListener("securitypolicyviolation", (event) => refused(event.effectiveDirective));
  if (how === "fetch") fetch("https://example.org/").catch(() => {});
  const form = document.createElement("form");
  [form.action, form.method] = ["https://example.org/", "post"];
  document.body.append(form);
  if (how === "form") form.submit();
})"""


def test_nothing_in_the_page_can_send(browser: Browser, page_file: Path) -> None:
    assert "cloud.plotly" not in page_file.read_text(encoding="utf-8")
    watched = Watched(browser, page_file, SIZES["desktop"])
    watched.draw_everything()
    titles = watched.page.locator(".modebar-btn").evaluate_all("all => all.map((each) => each.dataset.title)")
    assert "Zoom" in titles
    assert not [
        title for title in titles if any(word in title.lower() for word in ("share", "cloud", "edit"))
    ]
    for how, directive in (("fetch", "connect-src"), ("form", "form-action")):
        assert watched.page.evaluate(SEND, how) == directive
    assert watched.requests == [page_file.as_uri()]
    watched.page.close()


def test_text_from_runs_is_shown_and_never_run(browser: Browser, page_file: Path) -> None:
    watched = Watched(browser, page_file, SIZES["desktop"])
    assert watched.page.evaluate("window.broken === undefined")
    assert watched.page.locator("h1").text_content() == f"Comparison {EVIL}"
    assert watched.page.locator("#table-left-out td").first.text_content() == f"outputs/{EVIL}"
    assert EVIL in (watched.page.locator("#origin").text_content() or "")
    watched.page.close()


def test_tables_sort_by_number_and_by_word_with_the_unknown_last(browser: Browser, page_file: Path) -> None:
    watched = Watched(browser, page_file, SIZES["desktop"])
    table = watched.page.locator("#table-results")
    names = table.locator("thead th").all_text_contents()

    def column(name: str) -> list[str]:
        return table.locator(f"tbody td:nth-child({names.index(name) + 1})").all_text_contents()

    metric = table.get_by_role("button", name="test/loss")
    metric.click()
    rising = [float(text) for text in column("test/loss")]
    assert rising == sorted(rising)
    metric.click()
    assert [float(text) for text in column("test/loss")] == sorted(rising, reverse=True)
    for _ in range(2):
        table.get_by_role("button", name="steps to target").click()
        texts = column("steps to target")
        assert "" not in texts[: len(texts) - texts.count("")]
    table.get_by_role("button", name="method", exact=True).click()
    assert column("method") == sorted(column("method"))
    watched.page.close()


def test_the_data_of_a_figure_and_of_a_table_can_be_saved(
    browser: Browser, page_file: Path, whole: Comparison, tmp_path: Path
) -> None:
    watched = Watched(browser, page_file, SIZES["desktop"])
    figure = next(figure for figure in all_figures(whole) if figure.key == "speed-ups-1")
    saved = {}
    for button in ("[data-download='speed-ups-1']", "[data-table='results']"):
        with watched.page.expect_download() as download:
            watched.page.locator(button).click()
        file = tmp_path / download.value.suggested_filename
        download.value.save_as(file)
        with file.open(newline="", encoding="utf-8") as text:
            saved[file.name] = list(csv.DictReader(text))
    rows = saved["speed-ups-1.csv"]
    assert [float(row["speed-up"]) for row in rows] == pytest.approx([*figure.columns["speed-up"]])
    assert len(saved["results.csv"]) == 16
    watched.page.close()


def test_curves_can_be_drawn_over_tokens_and_seconds(browser: Browser, page_file: Path) -> None:
    watched = Watched(browser, page_file, SIZES["desktop"])
    watched.draw_everything()
    chart = "document.querySelector(\"[data-figure='curves-val-loss-1']\")"
    steps = watched.page.evaluate(f"[...{chart}.data[0].x]")
    watched.page.locator("[data-figure='curves-val-loss-1'] .updatemenu-button").nth(1).click()
    assert watched.page.evaluate(f"[...{chart}.data[0].x]") == [64 * step for step in steps]
    assert watched.page.evaluate(f"{chart}.layout.xaxis.title.text") == "tokens"
    watched.page.close()


@pytest.mark.proof
def test_it_prints_with_every_figure(browser: Browser, page_file: Path) -> None:
    watched = Watched(browser, page_file, SIZES["desktop"])
    assert watched.page.pdf().startswith(b"%PDF")
    assert watched.complaints == []
    assert (
        watched.page.evaluate("document.querySelectorAll('[data-drawn]').length")
        == watched.page.locator("[data-figure]").count()
    )
    watched.page.close()


def test_the_file_is_small_and_complete_without_scripts(page_file: Path, whole: Comparison) -> None:
    assert page_file.stat().st_size < 10_000_000
    text = page_file.read_text(encoding="utf-8")
    assert "<noscript>" in text
    for result in whole.main[0].results:
        assert f"{result.estimate.mean:.4f}" in text
