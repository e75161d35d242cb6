"""The same tables and figures on the dashboard."""

import json
from pathlib import Path

from tests.offline_wandb import offline_records, summary
from tuneformer.analysis.comparison import Comparison
from tuneformer.report.figures import all_figures
from tuneformer.report.html import write_page
from tuneformer.report.tables import all_tables
from tuneformer.report.wandb_comparison import log_comparison


def test_an_offline_run_holds_every_table_and_figure_and_the_page(whole: Comparison, tmp_path: Path) -> None:
    page = tmp_path / "comparison.html"
    write_page(page, whole, title="t", command="c")
    where = log_comparison(whole, page, project="mine", mode="offline", name="grid")
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
