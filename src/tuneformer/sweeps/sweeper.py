"""`--multirun`: every job checked before the first is trained, each in a folder of its own."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from tuneformer.config.building import build
from tuneformer.config.plain import Settings
from tuneformer.errors import UserError
from tuneformer.process.leaving import signals_as_exit
from tuneformer.process.terminal import say
from tuneformer.sweeps.effort import write_effort
from tuneformer.sweeps.folders import check_is_no_run, sweep_folder
from tuneformer.sweeps.grid import Grid
from tuneformer.sweeps.job import Job, Outcome
from tuneformer.sweeps.launchers.launcher import Launcher
from tuneformer.sweeps.launchers.plugin import PluginLauncher
from tuneformer.sweeps.manifest import Manifest
from tuneformer.sweeps.plan import Plan
from tuneformer.sweeps.preflight.examined import Examined
from tuneformer.sweeps.preflight.preflight import preflight
from tuneformer.sweeps.request import Request, read_request
from tuneformer.sweeps.search.search import Search
from tuneformer.sweeps.search.settings import is_ladder, is_question, is_search
from tuneformer.sweeps.sweep import known_outcome, run_jobs
from tuneformer.sweeps.tally import Tally

NEEDS_SEARCH = "needs a search: choose search=random or another"


@dataclass(frozen=True, kw_only=True)
class Typed:
    """The command line, and the overrides in it, where Hydra itself was not told of them."""

    command: Sequence[str]
    overrides: Sequence[str]


class TuneformerSweeper(Sweeper):
    """Runs what the command line asks for in folders outputs/sweeps/<sweep>/<what the job overrides>.

    The same command line again finishes what is left. The exit status is 1 if a job is not done.
    """

    typed: ClassVar[Typed | None] = None

    def __init__(self, *, n_trials: int | None, budget: str | None) -> None:
        """Both are read from the jobs, whose experiment files may give them."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._hydra, self._config_name = hydra_context, config.hydra.job.config_name

    def sweep(self, arguments: list[str]) -> None:
        """Checks everything, then runs it."""
        parser = OverridesParser.create(config_loader=self._hydra.config_loader)
        if self.typed is not None:
            sys.argv[1:] = self.typed.command  # it is recorded
            arguments = list(self.typed.overrides)
        overrides = parser.parse_overrides(arguments)
        request = read_request(
            overrides, parser, loader=self._hydra.config_loader, config_name=self._config_name
        )
        self._settings, self._controller = request.settings, request.controller
        folder = sweep_folder(self._settings["sweep"])
        check_is_no_run(folder)
        manifest = Manifest(folder)
        if self._settings["preflight"] != "only":
            manifest.check_free()
        known = dict(manifest.jobs)
        launcher = self._launcher()
        plan = self._plan(request, manifest, launcher)
        self._preflight(plan, launcher, manifest)
        for line in plan.announce():
            say(line)
        if self._settings["preflight"] == "only":
            return
        manifest.acquire()
        try:
            manifest.read()
            if manifest.jobs != known:  # another process ran the sweep during the preflight
                plan = self._plan(request, manifest, launcher)
            with signals_as_exit():
                self._run(plan, launcher, manifest)
        finally:
            manifest.release()

    def _launcher(self) -> Launcher:
        launcher: Launcher = build(self._settings["launcher"], ("launcher",), kind=Launcher)
        plugin = self._controller.hydra.runtime.choices["hydra/launcher"]
        if isinstance(launcher, PluginLauncher):
            launcher.setup(self._hydra, self._controller)
        elif plugin != "basic":
            raise UserError(
                f"hydra/launcher={plugin} is not used here: choose launcher=ray or launcher=slurm, which"
                " stand on plugins of Hydra"
            )
        return launcher

    def _plan(self, request: Request, manifest: Manifest, launcher: Launcher) -> Plan:
        settings = self._settings["search"]
        _check_effort(request, settings)
        if is_question(settings):
            return self._question(request, manifest, launcher)
        if is_search(settings):
            return Search(
                composed=request.composed,
                keys=request.swept,
                composer=request.composer,
                manifest=manifest,
                n_trials=request.n_trials,
                retry_failed=self._settings["retry_failed"],
            )
        return Grid(composed=request.composed, keys=request.named, manifest=manifest)

    def _question(self, request: Request, manifest: Manifest, launcher: Launcher) -> Plan:
        # they load SciPy, which no other sweep needs
        from tuneformer.sweeps.ask.ask import Ask
        from tuneformer.sweeps.ask.contestants import contestants_of
        from tuneformer.sweeps.ladder.ladder import AskedLadder

        given: dict[str, Any] = {
            "composer": request.composer,
            "manifest": manifest,
            "budget": request.budget,
            "retry_failed": self._settings["retry_failed"],
            "at_a_time": launcher.at_a_time,
        }
        if not is_ladder(self._settings["search"]):
            return Ask(contestants=contestants_of(request.composed, keys=request.swept), **given)

        def examine(jobs: Sequence[Job]) -> list[Examined | UserError]:
            launcher.check([job.config for job in jobs])
            return launcher.examine(jobs, timed=self._settings["preflight"] != "quick")

        return AskedLadder(composed=request.composed, keys=request.swept, examine=examine, **given)

    def _preflight(self, plan: Plan, launcher: Launcher, manifest: Manifest) -> None:
        outcomes = [(job.name, known_outcome(job, manifest)) for job in plan.sample]
        preflight(
            plan,
            {name: outcome for name, outcome in outcomes if outcome is not None},
            launcher=launcher,
            timed=self._settings["preflight"] != "quick",
            retry_failed=self._settings["retry_failed"],
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
                retry_failed=self._settings["retry_failed"],
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


def _check_effort(request: Request, settings: Settings) -> None:
    """Raises UserError for trials or a budget that the way of searching does not have."""
    asks = is_question(settings)
    if request.n_trials is not None and (asks or not is_search(settings)):
        raise UserError(
            f"hydra.sweeper.n_trials={request.n_trials} "
            + ("is not used by search=ask: give hydra.sweeper.budget" if asks else NEEDS_SEARCH)
        )
    if request.budget is not None and not asks:
        raise UserError(f"hydra.sweeper.budget={request.budget} is for a question: choose search=ask")
