"""The page of attention in a real browser: Debian's chromium, driven by Playwright."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator

from tests.report.attention_page.drawn import (
    EVIL,
    LOSS,
    decoder_analysis,
    evil_analysis,
    image_analysis,
    pair_analysis,
)
from tests.report.watched_page import SIZES, Watched
from tuneformer.analysis.attention.analysis import AttentionAnalysis
from tuneformer.report.attention_page.files import write_analysis

Open = Callable[..., Watched]
BLOB = ("blob:", "data:")


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """opened(analysis, ...): their page once it shows a map; afterwards nothing may have gone wrong."""
    pages: list[Watched] = []

    def open_page(*analyses: AttentionAnalysis, size: str = "desktop") -> Watched:
        file = write_analysis(tmp_path, analyses, command="analyze")[0]
        watched = Watched(browser, file, SIZES[size])
        pages.append(watched)
        watched.page.wait_for_selector("body[data-shown]")
        return watched

    yield open_page
    for watched in pages:
        assert watched.complaints == []
        others = [url for url in watched.requests[1:] if not url.startswith(BLOB)]
        assert others == []
        watched.page.close()


def wait_for(watched: Watched, what: str) -> None:
    watched.page.wait_for_selector(f"body[data-shown='{what}']")


def pixels(watched: Watched, which: int = 0) -> str:
    return str(watched.page.evaluate(f"document.querySelectorAll('#maps canvas')[{which}].toDataURL()"))


def head(watched: Watched, site: str, number: int) -> Locator:
    return watched.page.locator(f"#grids > :first-child [data-site='{site}'][data-head='{number}']")


def point_at(watched: Watched, row: int, column: int, *, canvas: int = 0) -> str:
    """Moves the cell there by keys, as a person without a mouse does; returns the value that is read out."""
    watched.page.locator("#maps canvas").nth(canvas).focus()
    for key, times in (("ArrowUp", 8), ("ArrowLeft", 8), ("ArrowDown", row), ("ArrowRight", column)):
        for _ in range(times):
            watched.page.keyboard.press(key)
    return str(watched.page.evaluate("document.getElementById('readout').dataset.value"))


@pytest.mark.parametrize(
    ("make", "size"),
    [
        pytest.param(decoder_analysis, "phone", id="decoder-phone"),
        pytest.param(image_analysis, "desktop", id="image-desktop"),
        pytest.param(pair_analysis, "desktop", id="pair-desktop"),
        pytest.param(image_analysis, "phone", id="image-phone", marks=pytest.mark.proof),
        pytest.param(pair_analysis, "phone", id="pair-phone", marks=pytest.mark.proof),
    ],
)
def test_every_family_is_shown_without_an_error_or_a_request(
    make: Callable[[], AttentionAnalysis], size: str, opened: Open
) -> None:
    watched = opened(make(), size=size)
    for button in watched.page.locator("#grids button").all():
        button.click()
    assert watched.page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]


def test_clicking_a_head_shows_its_map_and_what_its_loss_is_without_it(opened: Open) -> None:
    analysis = decoder_analysis()
    watched = opened(analysis)
    head(watched, "decoder.0", 0).click()
    wait_for(watched, "decoder.0.0@200/weights")
    before = pixels(watched)
    head(watched, "decoder.1", 2).click()
    wait_for(watched, "decoder.1.2@200/weights")
    assert pixels(watched) != before
    assert watched.page.locator("#head-title").text_content() == "Head decoder.1.2"
    change = float(analysis.scores.scores["ablation"].values["decoder", 1][2])
    numbers = re.findall(r"[\d.]+", watched.page.locator("#head-loss").text_content() or "")
    assert float(numbers[0]) == pytest.approx(LOSS + change, rel=1e-3)
    assert float(numbers[1]) == pytest.approx(LOSS)


def test_the_value_under_the_pointer_is_that_of_the_json_to_1_255(opened: Open, tmp_path: Path) -> None:
    watched = opened(decoder_analysis())
    exact = json.loads((tmp_path / "attention.json").read_text())["runs"][0]["maps"]["200"]
    for kind in ("weights", "normed"):
        watched.page.locator("#kind").select_option(kind)
        head(watched, "decoder.1", 1).click()
        wait_for(watched, f"decoder.1.1@200/{kind}")
        maps = np.array(exact[kind]["decoder.1"][1])
        for row, column in ((0, 0), (5, 2), (7, 7)):
            value = float(point_at(watched, row, column))
            assert abs(value - maps[row, column]) <= maps.max() / 255 + 5e-5
        assert point_at(watched, 2, 6) == "may not be seen"
    readout = watched.page.locator("#readout")
    point_at(watched, 3, 1)
    assert (readout.text_content() or "").startswith("query 3 “d” reads key 1 “b”: ")
    assert "row 3 predicts token 4, “e”; the model says “?” (0.5)" in (readout.text_content() or "")


def test_the_mouse_reads_the_same_cell_as_the_keys(opened: Open) -> None:
    watched = opened(decoder_analysis())
    head(watched, "decoder.0", 1).click()
    wait_for(watched, "decoder.0.1@200/weights")
    by_keys = point_at(watched, 6, 2)
    canvas = watched.page.locator("#maps canvas").first
    box = canvas.bounding_box()
    assert box is not None

    def read_at(x: float, y: float) -> str:
        watched.page.mouse.move(box["x"] + x, box["y"] + y)
        return watched.page.locator("#readout").text_content() or ""

    middle = box["height"] / 2
    across = next(x for x in range(0, int(box["width"]), 9) if "reads key 2 " in read_at(x, middle))
    down = next(y for y in range(int(box["height"]), 0, -9) if read_at(across, y).startswith("query 6 "))
    assert f"query 6 “g” reads key 2 “c”: {by_keys}" in read_at(across, down)


def test_the_slider_goes_through_the_steps_of_training(opened: Open) -> None:
    watched = opened(decoder_analysis())
    head(watched, "decoder.0", 0).click()
    wait_for(watched, "decoder.0.0@200/weights")
    pictures = [pixels(watched)]
    for step in (100, 0):
        watched.page.locator("#step").press("ArrowLeft")
        wait_for(watched, f"decoder.0.0@{step}/weights")
        pictures.append(pixels(watched))
    assert len(set(pictures)) == 3
    assert watched.page.locator("#step-text").text_content() == "0"
    assert watched.page.locator("#curve path").count() == 7  # six heads and the loss


def test_keys_move_between_heads_layers_and_steps(opened: Open) -> None:
    watched = opened(decoder_analysis())
    head(watched, "decoder.0", 0).click()
    for key, expected in (
        ("ArrowRight", "decoder.0.1@200"),
        ("ArrowDown", "decoder.1.1@200"),
        ("ArrowLeft", "decoder.1.0@200"),
        ("ArrowUp", "decoder.0.0@200"),
        ("[", "decoder.0.0@100"),
        ("]", "decoder.0.0@200"),
    ):
        watched.page.keyboard.press(key)
        wait_for(watched, f"{expected}/weights")
    chosen = watched.page.evaluate("document.activeElement.dataset.site")
    assert chosen == "decoder.0"


def test_heads_are_coloured_and_sorted_by_the_measure_that_is_chosen(opened: Open) -> None:
    analysis = decoder_analysis()
    watched = opened(analysis)
    watched.page.locator("#measure").select_option("copying")
    watched.page.locator("#order").select_option("value")
    names = [
        f"{button.get_attribute('data-site')}.{button.get_attribute('data-head')}"
        for button in watched.page.locator("#grids button").all()
    ]
    values = {
        f"{stack}.{layer}.{number}": value
        for (stack, layer), of_heads in analysis.scores.scores["copying"].values.items()
        for number, value in enumerate(of_heads.tolist())
    }
    assert names == sorted(values, key=lambda name: -values[name])
    colors = watched.page.locator("#grids button").evaluate_all("all => all.map(b => b.style.background)")
    assert len(set(colors)) == 6


def test_text_from_corpora_is_shown_and_never_run(opened: Open) -> None:
    watched = opened(evil_analysis())
    watched.page.locator("#maps canvas").hover()
    point_at(watched, 3, 0)
    assert EVIL in (watched.page.locator("#readout").text_content() or "")
    watched.page.locator(".tokens span").first.click()
    assert watched.page.locator(".tokens span").first.text_content() == EVIL
    assert watched.page.locator("#notes li").first.text_content() == EVIL
    assert watched.page.evaluate("window.broken === undefined")
    assert watched.page.locator("img").count() == 0


def test_what_is_shown_can_be_saved(opened: Open, tmp_path: Path) -> None:
    analysis = decoder_analysis()
    watched = opened(analysis)
    head(watched, "decoder.0", 1).click()
    wait_for(watched, "decoder.0.1@200/weights")
    saved = {}
    for button in ("save-svg", "save-csv", "save-json"):
        with watched.page.expect_download() as download:
            watched.page.locator(f"#{button}").click()
        file = tmp_path / f"saved-{download.value.suggested_filename}"
        download.value.save_as(file)
        saved[button] = file.read_text(encoding="utf-8")
    assert saved["save-svg"].count("<rect") == 64
    assert saved["save-svg"].startswith("<svg xmlns=")
    rows = list(csv.DictReader(io.StringIO(saved["save-csv"])))
    assert len(rows) == 18
    entropies = [float(row["entropy"]) for row in rows if row["step"] == "100" and row["layer"] == "1"]
    assert entropies == pytest.approx(analysis.steps[1].snapshot.heads["entropy"]["decoder", 1].tolist())
    run = json.loads(saved["save-json"])["runs"][0]
    exact = analysis.last.snapshot.weights["decoder", 0][1]
    np.testing.assert_allclose(run["maps"]["decoder.0.1"], exact, atol=1 / 255 + 1e-5)


def test_two_runs_are_shown_side_by_side_with_their_difference(opened: Open, tmp_path: Path) -> None:
    first, second = decoder_analysis(name="first"), decoder_analysis(seed=1, name="second")
    watched = opened(first, second)
    head(watched, "decoder.1", 0).click()
    wait_for(watched, "decoder.1.0@200/weights")
    assert watched.page.locator("#maps canvas:visible").count() == 3
    point_at(watched, 4, 2, canvas=2)
    text = watched.page.locator("#readout").text_content() or ""
    told = re.findall(r"(first|second|difference) (-?[\d.]+)", text)
    values = {name: float(value) for name, value in told}
    assert values["difference"] == pytest.approx(values["second"] - values["first"], abs=2e-4)
    maps = [each.last.snapshot.weights["decoder", 1][0][4, 2] for each in (first, second)]
    assert values["second"] - values["first"] == pytest.approx(maps[1] - maps[0], abs=2 / 255)
    differing = watched.page.locator(".difference button").evaluate_all("all => all.map(b => b.title)")
    assert len(differing) == 6


def test_runs_of_other_shapes_are_shown_without_a_difference(opened: Open) -> None:
    watched = opened(decoder_analysis(name="first"), pair_analysis())
    assert watched.page.locator(".difference").count() == 0
    assert "no difference is shown: the models differ in shape" in (
        watched.page.locator("#notes").text_content() or ""
    )
    head(watched, "decoder.1", 2).click()
    wait_for(watched, "decoder.1.2@200/weights")
    assert watched.page.locator("#maps canvas:visible").count() == 1


def test_a_patch_of_the_image_is_chosen_by_a_click_and_rollout_is_drawn(opened: Open) -> None:
    watched = opened(image_analysis())
    head(watched, "encoder.1", 0).click()
    wait_for(watched, "encoder.1.0@200/weights")
    watched.page.wait_for_selector("#beside figure:nth-of-type(3) canvas")
    captions = watched.page.locator("#beside figcaption")
    assert captions.nth(1).text_content() == "this head, read by [class]"
    watched.page.locator("#beside canvas").first.click(position={"x": 160, "y": 40})
    assert captions.nth(1).text_content() == "this head, read by patch 1"
    assert captions.nth(2).text_content() == "rollout through all layers, to patch 1"
    watched.page.evaluate("document.querySelector('#beside canvas').click()")  # beside every patch
    assert captions.nth(1).text_content() == "this head, read by patch 1"


def test_translation_lists_what_each_token_reads_most(opened: Open) -> None:
    analysis = pair_analysis()
    watched = opened(analysis)
    head(watched, "cross.0", 1).click()
    wait_for(watched, "cross.0.1@200/weights")
    rows = watched.page.locator(".align tbody tr")
    best = analysis.last.snapshot.weights["cross", 0][1].argmax(axis=-1)
    pairs = [row.locator("td").all_text_contents()[:2] for row in rows.all()]
    assert pairs == [[word, "ABCDE"[key]] for word, key in zip(("[end]", "x", "y"), best, strict=True)]


def test_without_scripts_every_head_is_in_a_table(browser: Browser, tmp_path: Path) -> None:
    analysis = decoder_analysis()
    file = write_analysis(tmp_path, [analysis], command="analyze")[0]
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("noscript").is_visible()
    rows = [row.all_text_contents() for row in _rows(page.locator(".table-heads tbody tr"))]
    assert [row[0] for row in rows] == [
        f"decoder.{layer}.{number}" for layer in (0, 1) for number in range(3)
    ]
    expected = analysis.last.snapshot.heads["entropy"]["decoder", 0][0]
    assert float(rows[0][1].split()[0]) == pytest.approx(expected, rel=1e-3)
    context.close()


def _rows(rows: Any) -> Sequence[Locator]:
    return [row.locator("td") for row in rows.all()]
