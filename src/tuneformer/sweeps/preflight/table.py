"""The table of a preflight: one line for each kind of job."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from tuneformer.process.escaping_console import EscapingConsole
from tuneformer.sweeps.clock import clock
from tuneformer.sweeps.job import Job

WIDE = 120  # columns, where the table goes into a file
SHOWN = ("model", "attention", "optimizer")


@dataclass(frozen=True, kw_only=True)
class Flight:
    """A job with what is known of it before it starts; no parameters where it is not built, being done.

    It stands for `jobs` jobs, of which `done` have ended and `failed` failed for good; `steps` were done.
    """

    job: Job
    jobs: int
    done: int
    failed: int
    steps: int
    parameters: int | None
    units: str | None
    seconds_per_step: float | None

    @property
    def seconds(self) -> float | None:
        """Estimated seconds of training that is left, None where nothing was measured."""
        if self.seconds_per_step is None:
            return None
        left = self.jobs - self.done - self.failed
        return max(0, left * self.job.config["trainer"]["max_steps"] - self.steps) * self.seconds_per_step


def print_table(flights: Sequence[Flight], *, n_jobs: int) -> None:
    """Jobs, how many are done, parameters, tokens (or images) and time of each kind, and of all together."""
    table = Table(title="preflight: every job composed, checked and built", title_justify="left")
    for column in (
        "optimizer",
        "model",
        "jobs",
        "done",
        "parameters",
        "trained on, a job",
        "ms a step",
        "training",
    ):
        table.add_column(column, justify="left" if column in ("optimizer", "model") else "right")
    kinds: dict[tuple[object, ...], list[Flight]] = {}
    for flight in flights:
        choices = flight.job.hydra.runtime.choices
        settings = [str(flight.job.config[group]) for group in ("data", "model", "attention", "trainer")]
        kinds.setdefault((*(str(choices.get(group)) for group in SHOWN), *settings), []).append(flight)
    for (model, attention, optimizer, *_), kind in kinds.items():
        table.add_row(str(optimizer), f"{model}, {attention}", *_numbers(kind))
    console = EscapingConsole(stderr=True, width=None if sys.stderr.isatty() else WIDE)
    console.print(table)
    console.print(_summary(flights, n_jobs=n_jobs), soft_wrap=True)


def _numbers(kind: Sequence[Flight]) -> list[str]:
    first = next((flight for flight in kind if flight.parameters is not None), kind[0])
    done = sum(flight.done for flight in kind)
    times = [flight.seconds for flight in kind if flight.seconds is not None]
    step = first.seconds_per_step
    return [
        str(sum(flight.jobs for flight in kind)),
        str(done),
        "-" if first.parameters is None else f"{first.parameters:,}",
        first.units or "-",
        "-" if step is None else f"{1e3 * step:.1f}",
        clock(sum(times)) if times else "-",
    ]


def _summary(flights: Sequence[Flight], *, n_jobs: int) -> str:
    total, done = sum(flight.jobs for flight in flights), sum(flight.done for flight in flights)
    failed = sum(flight.failed for flight in flights)
    times = [flight.seconds for flight in flights if flight.seconds is not None]
    parts = [f"{total} jobs, {done} done already, {total - done - failed} to run"]
    if times:
        each = "one after another" if n_jobs == 1 else f"{n_jobs} at a time"
        parts.append(f"about {clock(sum(times) / n_jobs)} of training {each}, evaluation not counted")
    if failed:
        parts.append(f"{failed} failed before and stay so without retry_failed=true")
    return "; ".join(parts)
