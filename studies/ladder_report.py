"""The ladder as Markdown: a table for each text."""

from collections.abc import Mapping, Sequence
from statistics import median

from studies.ladder import Climb, Found, Rung
from studies.over_seeds import over_seeds
from tuneformer.report.wording import INTERVAL

HEAD = (
    f"| change | parameters | steps | loss {INTERVAL} | deviation | training {INTERVAL} | deviation"
    f" | of the first | whole process {INTERVAL} | deviation | of the first |",
    "|---|---|---|---|---|---|---|---|---|---|---|",
)


def markdown(rungs: Sequence[Rung], found: Found) -> str:
    """All tables, each under the name of its text."""
    return "\n\n".join(f"**{text}**\n\n{_table(rungs, climbs)}" for text, climbs in found.items())


def _table(rungs: Sequence[Rung], climbs: Mapping[int, Sequence[Climb]]) -> str:
    rows = [_row(rungs[index], runs, climbs[0]) for index, runs in climbs.items()]
    return "\n".join([*HEAD, *rows])


def _row(rung: Rung, runs: Sequence[Climb], first: Sequence[Climb]) -> str:
    cells = [
        rung.change,
        f"{runs[0].parameters:,}",
        f"{rung.steps:,}",
        *over_seeds([run.loss for run in runs], digits=4),
        *over_seeds([run.train_seconds for run in runs], digits=1, unit=" s"),
        _part([(run.train_seconds, base.train_seconds) for run, base in zip(runs, first, strict=True)]),
        *over_seeds([run.wall_seconds for run in runs], digits=1, unit=" s"),
        _part([(run.wall_seconds, base.wall_seconds) for run, base in zip(runs, first, strict=True)]),
    ]
    return f"| {' | '.join(cells)} |"


def _part(pairs: Sequence[tuple[float, float]]) -> str:
    """The median over seeds of what the first rung takes of this one's time: "1/15.2"."""
    return f"1/{median(base / own for own, base in pairs):.1f}"
