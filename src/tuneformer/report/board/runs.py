"""The runs below a folder, as the board lists them, and their curves."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuneformer.errors import UserError
from tuneformer.report.page_names import COMPARISON_PAGE
from tuneformer.report.run_page.panels import RunPanel, thinned
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.metrics_file import read_last_row, read_values
from tuneformer.runs.record import RunRecord

RECORD = "record.json"
DEPTHS = ("*", "*/*", "*/*/*", "*/*/*/*")
"""How deep a run may lie below the folder: outputs/sweeps/<sweep>/<run>, and one more."""
LISTED = ("train/loss", "val/loss", "test/loss")
OVERLAID = ("val/loss", "train/loss")
MOST_OVERLAID = 12


class Runs:
    """The runs below a folder; what has not changed since is not read again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[Path, tuple[tuple[int, ...], dict[str, Any]]] = {}

    def find(self, name: str) -> Path:
        """The run, or the folder of a sweep, of a name in the list.

        Raises:
            UserError: there is none below the folder.
        """
        path, root = (self.folder / name).resolve(), self.folder.resolve()
        if path.is_relative_to(root) and ((path / RECORD).is_file() or (path / COMPARISON_PAGE).is_file()):
            return path
        raise UserError(f"{name} is no run")

    def listed(self) -> list[dict[str, Any]]:
        """A row for each run: its place, what it is and how far it is."""
        found = sorted({file.parent for depth in DEPTHS for file in self.folder.glob(f"{depth}/{RECORD}")})
        rows = [row for path in found if (row := self._row(path)) is not None]
        return sorted(rows, key=lambda row: row["started"], reverse=True)

    def sweeps(self) -> list[str]:
        """The folders that hold the page of a comparison."""
        pages = {file for depth in DEPTHS for file in self.folder.glob(f"{depth}/{COMPARISON_PAGE}")}
        return sorted(page.parent.relative_to(self.folder).as_posix() for page in pages)

    def curves(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Panels with the losses of several runs."""
        values = {}
        for name in names[:MOST_OVERLAID]:
            file = RunDirectory(self.find(name)).metrics_file
            values[name] = read_values(file) if file.exists() else {}
        panels = []
        for metric in OVERLAID:
            points = {
                name: thinned([(step, value) for step, value in each[metric].items() if math.isfinite(value)])
                for name, each in values.items()
                if metric in each
            }
            curves = {name: each for name, each in points.items() if each}
            key, title = metric.replace("/", "-"), metric
            panel = RunPanel(key=key, title=title, unit="", log=False, curves=curves, levels={})
            if curves:
                panels.append(panel.as_json())
        return panels

    def _row(self, path: Path) -> dict[str, Any] | None:
        directory = RunDirectory(path)
        stamp = tuple(_written(file) for file in (directory.record_file, directory.metrics_file))
        known = self._known.get(path)
        if known is not None and known[0] == stamp and known[1]["status"] != "running":
            return known[1]
        try:
            record = directory.read_record()
            last = read_last_row(directory.metrics_file) if stamp[1] else {}
        except UserError:
            return None
        row = self._of(path, record, last or {})
        self._known[path] = stamp, row
        return row

    def _of(self, path: Path, record: RunRecord, last: dict[str, float]) -> dict[str, Any]:
        running = record.status == "running"
        losses = {name: record.final.get(name, last.get(name)) for name in LISTED}
        return {
            "path": path.relative_to(self.folder).as_posix(),
            "name": str(record.name),
            "status": record.status,
            "steps": int(last.get("step", 0)) if running else record.steps,
            **{name: value if _is_number(value) else None for name, value in losses.items()},
            **{
                group: record.options.get(group, "")
                for group in ("model", "attention", "optimizer", "scheduler")
            },
            "seed": record.seed,
            "started": record.started,
        }


def _written(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
