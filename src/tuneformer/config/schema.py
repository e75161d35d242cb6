"""The typed root of every configuration (conf/train.yaml gives the values)."""

import shlex
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import MISSING, OmegaConf

from tuneformer.config.plugins import GROUP, plugin_folders
from tuneformer.config.sizes import register_sizes
from tuneformer.invocation import start_words

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
    seed: int = MISSING
    name: str | None = MISSING
    tags: list[str] = field(default_factory=list)
    notes: str = MISSING
    run_dir: str | None = MISSING
    branch_from: str | None = MISSING
    init_from: str | None = MISSING
    init_optimizer: str = MISSING
    init_weights: str = MISSING
    sweep: str | None = MISSING
    preflight: str = MISSING
    retry_failed: bool = MISSING
    optimized_metric: str = MISSING


@dataclass
class SweeperSettings:
    """What Hydra needs to build the sweeper of `--multirun`."""

    _target_: str = "tuneformer.sweeps.sweeper.TuneformerSweeper"
    n_trials: int | None = MISSING


class OptionsOfPlugins(SearchPathPlugin):
    """Adds the folders of plugins to those in which Hydra looks for options."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for folder in plugin_folders():
            search_path.append(GROUP, f"file://{folder}")


def register_with_hydra() -> None:
    """Makes `root`, `hydra/sweeper: tuneformer` and our resolvers known to Hydra: conf/ names them."""
    register_sizes()
    Plugins.instance().register(OptionsOfPlugins)
    OmegaConf.register_resolver("this_command", lambda: shlex.join(start_words()), replace=True)
    _store(None, "root", Root)
    _store("hydra/sweeper", "tuneformer", SweeperSettings)


def _store(group: str | None, name: str, node: type) -> None:
    store = ConfigStore.instance()
    known = store._open(f"{group or ''}/{name}.yaml")
    if getattr(known, "provider", None) != PROVIDER:
        store.store(group=group, name=name, node=node, provider=PROVIDER, replace=True)
