"""`--multirun`: every point checked before the first is trained, each in a folder of its own."""

import sys
from collections.abc import Sequence
from datetime import datetime

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import open_dict

from tuneformer.checks import check_config
from tuneformer.config.compose import compose_choices
from tuneformer.config.messages import COMPOSING_ERRORS, one_line
from tuneformer.config.quoting import quoted
from tuneformer.errors import UserError
from tuneformer.runs.directory import OUTPUTS
from tuneformer.sweeps.job_names import job_name
from tuneformer.terminal import say


class GridSweeper(BasicSweeper):
    """Every combination of the swept values, in folders outputs/sweeps/<sweep>/<what the job overrides>.

    All points are composed and checked first: a point that cannot be trained stops the sweep before
    anything is. A job that fails later does not stop the others; the exit status is 1 then.
    """

    def __init__(self) -> None:
        super().__init__(max_batch_size=None)

    def sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        assert self.config is not None
        assert self.launcher is not None
        overrides = self._parse(arguments)
        _check_folders(overrides)
        points = self.split_arguments(overrides, None)[0]
        swept = [override.get_key_element() for override in overrides if override.is_sweep_override()]
        sweep = self.config.sweep or f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
        jobs = [self._job(point, swept, sweep) for point in points]
        for job in jobs:
            self._check(job)
        results = self.launcher.launch(jobs, initial_job_idx=0)
        failed = [(job, result) for job, result in zip(jobs, results, strict=True) if _failed(result)]
        for job, result in failed:
            reason = str(result._return_value).strip().splitlines()[-1:] or ["no reason given"]
            say(f"failed: {' '.join(job)}: {reason[0]}")
        say(f"{len(jobs) - len(failed)} of {len(jobs)} jobs done: {OUTPUTS / 'sweeps' / sweep}")
        if failed:
            sys.exit(1)
        return [results]

    def _parse(self, arguments: list[str]) -> list[Override]:
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        return parser.parse_overrides(arguments)

    def _job(self, point: list[str], swept: list[str], sweep: str) -> list[str]:
        name = job_name([override for override in point if override.split("=", 1)[0] in swept])
        folder = OUTPUTS / "sweeps" / sweep / name
        rest = [override for override in point if not override.startswith("sweep=")]
        return [*rest, f"sweep={quoted(sweep)}", f"run_dir={quoted(folder)}"]

    def _check(self, job: list[str]) -> None:
        assert self.config is not None
        assert self.hydra_context is not None
        try:
            config = self.hydra_context.config_loader.load_sweep_config(self.config, job)
            hydra = config.hydra
            with open_dict(config):
                del config["hydra"]
            check_config(config, hydra)
        except (UserError, *COMPOSING_ERRORS) as error:
            line = error if isinstance(error, UserError) else one_line(error, compose_choices(job))
            raise UserError(f"{line} (in the job {' '.join(job[:-2])})") from error


def _check_folders(overrides: Sequence[Override]) -> None:
    for override in overrides:
        key = override.get_key_element()
        if key == "run_dir":
            raise UserError(
                f"{override.input_line} cannot be set with --multirun: each job has its own folder below"
                " outputs/sweeps/<sweep>"
            )
        if key == "sweep" and override.is_sweep_override():
            raise UserError(
                f"{override.input_line} cannot have several values: it names one folder for all jobs"
            )


def _failed(result: JobReturn) -> bool:
    return result.status is not JobStatus.COMPLETED
