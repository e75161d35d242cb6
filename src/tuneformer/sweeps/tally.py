"""What became of the jobs of a sweep, as the person at the terminal reads it at the end."""

from pathlib import Path

from tuneformer.process.invocation import command_for
from tuneformer.process.terminal import say
from tuneformer.report.page_names import COMPARISON_PAGE
from tuneformer.sweeps.job import Outcome


class Tally:
    """Counts jobs as they end."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}

    def add(self, name: str, outcome: Outcome) -> None:
        """Takes note of a job's outcome."""
        self.outcomes[name] = outcome

    @property
    def not_done(self) -> dict[str, Outcome]:
        """The jobs that failed or were cut off."""
        return {name: outcome for name, outcome in self.outcomes.items() if not outcome.ended}

    def report(self, *, total: int, done_before: int, folder: Path) -> None:
        """Names the jobs that are not done, with their errors, counts the others; says what is next."""
        for name, outcome in self.not_done.items():
            say(f"{outcome.status}: {name}: {outcome.error or 'no reason given'}")
        if any(outcome.status == "failed" for outcome in self.not_done.values()):
            say("the same line with retry_failed=true runs what failed again")
        done = done_before + len(self.outcomes) - len(self.not_done)
        kinds = [outcome.status for outcome in self.outcomes.values() if outcome.ended]
        odd = [
            f"{kinds.count(status)} {status}"
            for status in ("diverged", "pruned", "stopped")
            if status in kinds
        ]
        noted = f" ({', '.join(odd)})" if odd else ""
        say(f"{done} of {total} jobs done{noted}: {folder}")
        if done > 1:
            say(f"next: {command_for('show' if (folder / COMPARISON_PAGE).exists() else 'compare')} {folder}")
