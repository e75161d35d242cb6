"""The same tables and figures on the dashboard."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.offline_wandb import offline_records, summary
from tests.wandb_server import StandIn
from tuneformer.analysis.compare.comparison import Comparison
from tuneformer.report.figures import all_figures
from tuneformer.report.html import write_page
from tuneformer.report.tables import all_tables
from tuneformer.report.wandb_comparison import log_comparison

ROOT = Path(__file__).parents[2]


def test_an_offline_run_holds_every_table_and_figure_and_the_page(
    whole: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    page = tmp_path / "comparison.html"
    write_page(page, whole, title="t", command="c")
    where = log_comparison(whole, page, project=None, mode="offline", name="grid")
    assert Path(where).parent.parent == tmp_path
    (file,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    records = [*offline_records(file)]
    about = next(r.run for r in records if r.HasField("run"))
    assert (about.job_type, about.display_name, about.project) == ("comparison", "grid", "mine")
    assert about.notes.startswith("On ")
    end = {key.split(".")[0] for key in summary(records)}
    assert {f"tables/{table.key}" for table in all_tables(whole)} <= end
    for figure in all_figures(whole):
        assert any(key.startswith(f"figures/{figure.key}".split(".")[0]) for key in end), figure.key
    (stored,) = file.parent.glob("files/media/table/tables/results_*.table.json")
    written = json.loads(stored.read_text(encoding="utf-8"))
    expected = next(table for table in all_tables(whole) if table.key == "results")
    assert written["columns"] == [*expected.columns]
    assert written["data"] == [[cell.value for cell in row] for row in expected.rows]
    kept = [r.artifact for r in records if r.HasField("artifact") and r.artifact.type == "comparison"]
    assert [entry.path for entry in kept[0].manifest.contents] == ["comparison.html"]


@pytest.mark.proof
def test_a_random_search_compared_online_arrives_with_its_best_of_k_curve(
    small_settings: list[str], server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = ["search=random", "optimizer=adamw,lion", "hydra.sweeper.n_trials=3", "sweep=drawn"]
    for arguments in (
        ["train.py", "--multirun", *small_settings, *search],
        ["scripts/compare.py", "outputs/sweeps/drawn", "--wandb"],
    ):
        monkeypatch.setenv("WANDB_MODE", "online")
        program, *rest = arguments
        subprocess.run([sys.executable, str(ROOT / program), *rest], check=True, timeout=200)
    (run,) = server.exit_codes
    assert server.exit_codes[run] == 0
    arrived = server.summaries[run]
    assert arrived.keys() >= {"answer", "caveats", "tables/results", "tables/ledger", "figures/best-of-k"}
    (name,) = [name for name in server.files if name.startswith("media/plotly/figures/best-of-k")]
    curves = json.loads(server.files[name])["data"]
    assert {curve["name"] for curve in curves} == {"adamw", "lion"}
    (table,) = [name for name in server.files if name.startswith("media/table/tables/ledger")]
    rows = [
        dict(zip(found["columns"], row, strict=True))
        for found in [json.loads(server.files[table])]
        for row in found["data"]
    ]
    assert {(row["method"], row["settings"], row["drawn by"]) for row in rows} == {
        ("adamw", 3, "random"),
        ("lion", 3, "random"),
    }
