"""The dashboard as code names what real runs write, and nothing else."""

# pyright: reportPrivateImportUsage=false
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb_workspaces.reports.v2 as wr

import tuneformer
from tests.offline_wandb import history, offline_records, pictures, summary
from tuneformer.report.workspace import GROUPED_BY, as_json, build_report, build_workspace, sections

Command = Callable[..., Any]


def text_of(name: Any) -> str:
    """The name of a metric or a setting, however a panel holds it."""
    return str(getattr(name, "name", name))


def named() -> Iterator[tuple[str, str, str]]:
    """(panel, kind, name) of all that the panels name."""
    for section in sections():
        for panel in section.panels:
            title = getattr(panel, "title", None) or type(panel).__name__
            if isinstance(panel, wr.LinePlot):
                yield from ((title, "history", text_of(name)) for name in [panel.x, *panel.y])
                if panel.metric_regex is not None:
                    yield title, "pattern", panel.metric_regex
            elif isinstance(panel, wr.BarPlot):
                yield from ((title, "history", text_of(name)) for name in panel.metrics)
            elif isinstance(panel, wr.ScalarChart):
                yield title, "summary", text_of(panel.metric)
            elif isinstance(panel, wr.MediaBrowser):
                yield from ((title, "picture", key) for key in panel.media_keys)
            elif isinstance(panel, wr.WeavePanelSummaryTable):
                yield title, "table", panel.table_name
            elif isinstance(panel, wr.ParallelCoordinatesPlot):
                for column in panel.columns:
                    kind = "config" if isinstance(column.metric, wr.Config) else "summary"
                    yield title, kind, text_of(column.metric)
            else:
                assert isinstance(panel, wr.RunComparer)


@pytest.fixture(scope="module")
def written(small_settings: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What a real run writes, by kind."""
    folder = tmp_path_factory.mktemp("watched") / "run"
    settings = [s for s in small_settings if not s.startswith(("logger", "callbacks"))]
    watching = [
        "logger=wandb",
        "logger.wandb.mode=offline",
        "callbacks=default",
        "callbacks.sample.n_tokens=3",
    ]
    tuneformer.train([*settings, *watching, f"run_dir={folder}"])
    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    records = [*offline_records(file)]
    config = {
        item.key: json.loads(item.value_json)
        for record in records
        if record.HasField("run")
        for item in record.run.config.update
    }
    end = summary(records)
    nested = {f"{key}.{part}" for key, value in end.items() if isinstance(value, dict) for part in value}
    return {
        "history": {name for row in history(records).values() for name in row},
        "picture": {*pictures(records)},
        "table": {key for key, value in end.items() if isinstance(value, dict) and "_type" in value},
        "summary": {*end, *nested},
        "config": {*flat(config)},
    }


def flat(config: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")


def test_every_name_in_a_panel_is_one_that_a_run_writes(written: dict[str, set[str]]) -> None:
    names = [*named()]
    assert len(names) > 20
    missing = [
        (panel, name) for panel, kind, name in names if kind != "pattern" and name not in written[kind]
    ]
    missing += [
        (panel, pattern)
        for panel, kind, pattern in names
        if kind == "pattern" and not any(re.search(pattern, name) for name in written["history"])
    ]
    assert missing == []
    assert GROUPED_BY in written["config"]
    # the check can fail: a name that no run writes is not among them
    assert "val/los" not in written["history"]


@pytest.mark.fast
def test_the_specification_needs_no_login_and_holds_every_section() -> None:
    workspace, report = (
        json.loads(as_json(build("me", "mine"))) for build in (build_workspace, build_report)
    )
    bank = workspace["spec"]["section"]["panelBankConfig"]["sections"]
    assert [section["name"] for section in bank] == [section.name for section in sections()]
    for text in (json.dumps(workspace), json.dumps(report)):
        for _, kind, name in named():
            # W&B writes the setting optimizer.lr as optimizer.value.lr
            assert (name.replace(".", ".value.", 1) if kind == "config" else name) in text


@pytest.mark.fast
def test_without_a_login_it_is_written_as_json_with_what_to_do(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    answer = command("scripts/dashboard.py", "--project=mine")
    assert (answer.status, answer.err) == (0, [])
    assert answer.out[0] == "written: outputs/dashboard/workspace.json, outputs/dashboard/report.json"
    assert "wandb login" in answer.out[1]
    assert json.loads(Path("outputs/dashboard/workspace.json").read_text())["project"] == "mine"
