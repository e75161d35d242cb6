"""`--multirun`: every job checked before the first is trained, each in a folder of its own."""

import sys
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from tuneformer.config.building import build
from tuneformer.errors import UserError
from tuneformer.sweeps.composing import Composer
from tuneformer.sweeps.effort import write_effort
from tuneformer.sweeps.folders import sweep_folder
from tuneformer.sweeps.grid import Grid
from tuneformer.sweeps.job import Job, Outcome
from tuneformer.sweeps.launchers.launcher import Launcher
from tuneformer.sweeps.launchers.plugin import PluginLauncher
from tuneformer.sweeps.leaving import signals_as_exit
from tuneformer.sweeps.manifest import Manifest
from tuneformer.sweeps.plan import Plan
from tuneformer.sweeps.points import named_keys, points_of
from tuneformer.sweeps.preflight.preflight import preflight
from tuneformer.sweeps.search.search import Search
from tuneformer.sweeps.search.settings import is_search
from tuneformer.sweeps.sweep import known_outcome, run_jobs
from tuneformer.sweeps.tally import Tally
from tuneformer.terminal import say


class TuneformerSweeper(Sweeper):
    """Runs what the command line asks for in folders outputs/sweeps/<sweep>/<what the job overrides>.

    The same command line again finishes what is left. The exit status is 1 if a job is not done.
    """

    def __init__(self, *, n_trials: int | None) -> None:
        self.n_trials = n_trials

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._hydra, self._task, self._settings = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> None:
        """Checks everything, then runs it."""
        loader = self._hydra.config_loader
        overrides = OverridesParser.create(config_loader=loader).parse_overrides(arguments)
        folder = sweep_folder(self._settings.sweep)
        manifest = Manifest(folder)
        plan = self._plan(overrides, manifest)
        launcher = self._launcher()
        self._preflight(plan, launcher, manifest)
        if self._settings.preflight == "only":
            return
        manifest.acquire()
        try:
            with signals_as_exit():
                self._run(plan, launcher, manifest)
        finally:
            manifest.release()

    def _launcher(self) -> Launcher:
        settings: Any = OmegaConf.to_container(self._settings.launcher, resolve=True)
        launcher: Launcher = build(settings, ("launcher",), kind=Launcher)
        plugin = self._settings.hydra.runtime.choices["hydra/launcher"]
        if isinstance(launcher, PluginLauncher):
            launcher.setup(self._hydra, self._settings)
        elif plugin != "basic":
            raise UserError(
                f"hydra/launcher={plugin} is not used here: choose launcher=ray or launcher=slurm, which"
                " stand on plugins of Hydra"
            )
        return launcher

    def _plan(self, overrides: Sequence[Override], manifest: Manifest) -> Plan:
        composer = Composer(loader=self._hydra.config_loader, master=self._settings)
        points = points_of(overrides)
        if not is_search(self._settings.search):
            if self.n_trials is not None:
                raise UserError(
                    f"hydra.sweeper.n_trials={self.n_trials} needs a search: choose search=random or another"
                )
            return Grid(points=points, keys=named_keys(overrides), composer=composer, manifest=manifest)
        return Search(
            points=points,
            overrides=overrides,
            composer=composer,
            manifest=manifest,
            n_trials=self.n_trials,
            retry_failed=self._settings.retry_failed,
        )

    def _preflight(self, plan: Plan, launcher: Launcher, manifest: Manifest) -> None:
        outcomes = [(job.name, known_outcome(job, manifest)) for job in plan.sample]
        preflight(
            plan,
            {name: outcome for name, outcome in outcomes if outcome is not None},
            launcher=launcher,
            timed=self._settings.preflight != "quick",
            retry_failed=self._settings.retry_failed,
        )

    def _run(self, plan: Plan, launcher: Launcher, manifest: Manifest) -> None:
        tally = Tally()

        def tell(job: Job, outcome: Outcome) -> None:
            tally.add(job.name, outcome)
            plan.tell(job, outcome)

        try:
            run_jobs(
                plan.jobs(),
                launcher=launcher,
                manifest=manifest,
                retry_failed=self._settings.retry_failed,
                tell=tell,
                verbose=True,
            )
        except (KeyboardInterrupt, SystemExit):
            say("stopped: the same line again goes on")
            raise
        finally:
            write_effort(manifest)
            for line in plan.summary():
                say(line)
            tally.report(total=plan.total, done_before=plan.done_before, folder=manifest.path.parent)
        if tally.not_done:
            sys.exit(1)
