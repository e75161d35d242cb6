"""The board: what it lists, whom it answers, and in a real browser."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, expect

from tests.analysis.diagnosis.planted import plant
from tests.report.conftest import EVIL
from tuneformer.errors import UserError
from tuneformer.report.board.runs import Runs
from tuneformer.report.board.server import BoardServer


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """A run, two of a sweep with the page of its comparison, a damaged one, and a secret beside them."""
    folder = tmp_path / "outputs"
    plant(
        folder / "runs" / "first",
        record={"name": EVIL, "started": "2026-01-02", "options": {"optimizer": "muon"}},
    )
    for seed in range(2):
        plant(folder / "sweeps" / "mine" / f"seed={seed}", record={"seed": seed, "started": "2026-01-01"})
    (folder / "sweeps" / "mine" / "comparison.html").write_text("the comparison")
    (plant(folder / "runs" / "damaged") / "record.json").write_text("{")
    (tmp_path / "record.json").write_text("{}")
    (tmp_path / "report.html").write_text("secret")
    return folder


@pytest.fixture
def board(outputs: Path) -> Iterator[BoardServer]:
    """A board that is served."""
    with BoardServer(outputs, port=0) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()


def get(board: BoardServer, path: str, **headers: str) -> tuple[int, str]:
    """The status and the body of an answer."""
    try:
        with urlopen(Request(f"{board.address}{path}", headers=headers)) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.fast
def test_runs_are_listed_the_latest_first_and_damaged_ones_left_out(outputs: Path) -> None:
    runs = Runs(outputs)
    listed = runs.listed()
    assert [row["path"] for row in listed] == ["runs/first", "sweeps/mine/seed=0", "sweeps/mine/seed=1"]
    assert (listed[0]["name"], listed[0]["optimizer"], listed[0]["steps"]) == (EVIL, "muon", 400)
    assert listed == runs.listed()
    assert runs.sweeps() == ["sweeps/mine"]
    panels = runs.curves(["runs/first", "sweeps/mine/seed=1"])
    assert [panel["title"] for panel in panels] == ["val/loss", "train/loss"]
    assert [curve["name"] for curve in panels[0]["curves"]] == ["runs/first", "sweeps/mine/seed=1"]


@pytest.mark.fast
def test_it_serves_the_pages_of_runs_and_comparisons(board: BoardServer) -> None:
    status, page = get(board, "show/runs/first/report.html")
    assert status == 200
    assert EVIL not in page
    assert get(board, "show/sweeps/mine/comparison.html") == (200, "the comparison")
    assert len(json.loads(get(board, "runs.json")[1])["runs"]) == 3
    assert get(board, "show/runs/first/analysis/attention.html")[0] == 404
    assert get(board, "show/runs/first/config.yaml")[0] == 404


@pytest.mark.fast
@pytest.mark.parametrize(
    "path",
    ["show/../report.html", "show/%2e%2e/report.html", "show/runs/../../report.html", "curves.json?run=.."],
)
def test_nothing_above_its_folder_is_served(board: BoardServer, path: str) -> None:
    status, body = get(board, path)
    assert status == 404
    assert "secret" not in body


@pytest.mark.fast
def test_it_answers_its_own_name_alone_and_changes_nothing(board: BoardServer) -> None:
    assert get(board, "runs.json", Host="elsewhere.example")[0] == 403
    with pytest.raises(HTTPError) as error:
        urlopen(Request(f"{board.address}runs.json", method="POST", data=b"x"))
    with error.value:
        assert error.value.code == 501
    assert board.server_address[0] == "127.0.0.1"


@pytest.mark.fast
def test_a_port_that_is_taken_is_one_line(board: BoardServer, outputs: Path) -> None:
    with pytest.raises(UserError, match=rf"^--port={board.server_port} cannot be had: "):
        BoardServer(outputs, port=board.server_port)


def test_runs_are_filtered_sorted_and_overlaid(browser: Browser, board: BoardServer, outputs: Path) -> None:
    page, complaints = browser.new_page(viewport={"width": 1280, "height": 900}), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(board.address)
    page.wait_for_selector("#runs tbody tr")
    assert page.locator("#runs tbody tr").count() == 3
    page.fill("#filter", "mine seed=")
    assert page.inner_text("#count") == "2 of 3 runs"
    for box in page.locator("#runs tbody input").all():
        box.check()
    page.wait_for_selector("#panels svg")
    assert page.locator("#panels figure").count() == 2
    assert page.locator("#panels svg >> nth=0").locator("path").count() == 2
    plant(outputs / "runs" / "seed=later", record={"seed": 7, "started": "2026-01-03"})
    page.fill("#filter", "later")
    expect(page.locator("#runs tbody tr")).to_have_count(1, timeout=15_000)
    page.click("#runs tbody a")
    page.wait_for_selector("#panel-loss svg")
    assert complaints == []
    page.close()
