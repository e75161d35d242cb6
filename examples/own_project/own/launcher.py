"""A launcher."""

from collections.abc import Generator, Iterator
from typing import Annotated

from tuneformer.config.ranges import AT_LEAST_ZERO, Number
from tuneformer.config.setting import Setting
from tuneformer.process.terminal import say
from tuneformer.sweeps.job import Ended, Job
from tuneformer.sweeps.launchers.serial import SerialLauncher


class PoliteLauncher(SerialLauncher):
    """Trains one job after the other, and says so; a pause between them lets the machine cool."""

    def __init__(
        self, *, pause: Annotated[Number, Setting("between two jobs", AT_LEAST_ZERO, unit="seconds")]
    ) -> None:
        self.pause = pause

    def run(self, jobs: Iterator[Job | None]) -> Generator[Ended, None, None]:
        """See `Launcher`."""
        import time

        for ended in super().run(jobs):
            say("one job is done")
            yield ended
            time.sleep(self.pause)
