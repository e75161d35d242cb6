"""The typed root of every configuration (conf/train.yaml gives the values)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, get_type_hints

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import MISSING

from tuneformer.config.plugins import GROUP, plugin_folders
from tuneformer.config.ranges import SEED, Range
from tuneformer.config.setting import Argument, Setting, argument_of
from tuneformer.config.sizes import register_sizes

GROUPS = (
    "data",
    "model",
    "attention",
    "optimizer",
    "scheduler",
    "param_groups",
    "trainer",
    "callbacks",
    "logger",
    "launcher",
    "search",
)

PROVIDER = "tuneformer"


SAID = "said"


def said(
    what: str, allowed: Range | tuple[str, ...] | None = None, *, null: str = "", weights: bool = True
) -> Any:
    """A field of the root, and what is said of it."""
    return field(default=MISSING, metadata={SAID: Setting(what, allowed, null=null, weights=weights)})


@dataclass
class Root:
    """The settings beside the groups, with their types; a group is checked against its chosen option."""

    data: dict[str, Any] = MISSING
    model: dict[str, Any] = MISSING
    attention: dict[str, Any] = MISSING
    optimizer: dict[str, Any] = MISSING
    scheduler: dict[str, Any] = MISSING
    param_groups: dict[str, Any] = MISSING
    trainer: dict[str, Any] = MISSING
    callbacks: dict[str, Any] = MISSING
    logger: dict[str, Any] = MISSING
    launcher: dict[str, Any] = MISSING
    search: dict[str, Any] = MISSING
    seed: int = said("initial weights, batches and dropout", SEED)
    name: str | None = said("of the run, for people", null="<optimizer>-<scheduler>", weights=False)
    tags: list[str] = field(
        default_factory=list,
        metadata={SAID: Setting("words to find the run by on the dashboard", weights=False)},
    )
    notes: str = said("a sentence about why this run was made", weights=False)
    run_dir: str | None = said(
        "the run's folder; one with a run in it continues that run",
        null="outputs/runs/<date>_<time>_<name>",
        weights=False,
    )
    branch_from: str | None = said(
        "a run with a stable rate (scheduler=constant or wsd): go on from its checkpoint with scheduler=wsd",
        null="from the start",
        weights=False,
    )
    # a path; what lies there is a part of the run's identity by itself (runs/origin.py)
    init_from: str | None = said(
        "a finished run: a new run that starts from its weights, at step 0",
        null="from fresh weights",
        weights=False,
    )
    init_optimizer: str = said(
        "fresh: from the weights that were evaluated; kept: from those that train, and the optimizer's state",
        ("fresh", "kept"),
    )
    init_weights: str = said("the checkpoint of init_from", ("last", "best"))
    sweep: str | None = said(
        "with --multirun: the folder below outputs/sweeps", null="<date>_<time>", weights=False
    )
    preflight: str = said(
        "with --multirun, before the first job; full: build every job, time a few steps of each kind; quick:"
        " time nothing; only: full, and stop there",
        ("full", "quick", "only"),
        weights=False,
    )
    retry_failed: bool = said("with --multirun: jobs that failed before run again", weights=False)
    optimized_metric: str = said("what a run returns to the one who searches", weights=False)


@cache
def root_arguments() -> Mapping[str, Argument]:
    """What the settings that belong to no group may be."""
    hints = get_type_hints(Root)
    return {
        each.name: argument_of(each.name, hints[each.name], each.metadata[SAID])
        for each in fields(Root)
        if SAID in each.metadata
    }


@dataclass
class SweeperSettings:
    """What Hydra needs to build the sweeper of `--multirun`."""

    _target_: str = "tuneformer.sweeps.sweeper.TuneformerSweeper"
    n_trials: int | None = MISSING
    budget: str | None = MISSING


class OptionsOfPlugins(SearchPathPlugin):
    """Adds the folders of plugins to those in which Hydra looks for options."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for folder in plugin_folders():
            search_path.append(GROUP, f"file://{folder}")


def register_with_hydra() -> None:
    """Makes `root`, `hydra/sweeper: tuneformer` and our resolvers known to Hydra: conf/ names them."""
    register_sizes()
    Plugins.instance().register(OptionsOfPlugins)
    _store(None, "root", Root)
    _store("hydra/sweeper", "tuneformer", SweeperSettings)


def _store(group: str | None, name: str, node: type) -> None:
    store = ConfigStore.instance()
    known = store._open(f"{group or ''}/{name}.yaml")
    if getattr(known, "provider", None) != PROVIDER:
        store.store(group=group, name=name, node=node, provider=PROVIDER, replace=True)
