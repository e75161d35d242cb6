"""Composing a configuration outside `tuneformer train`: for the Python API, for tests, for hints."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from hydra import compose
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.conf import HydraConf
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.version import VersionBase
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.basecontainer import BaseContainer

from tuneformer.config.hydra_guard import guarded_hydra
from tuneformer.config.messages import COMPOSING_ERRORS
from tuneformer.config.open_options import with_added_settings
from tuneformer.config.options import FURTHER_OPTIONS
from tuneformer.config.plugins import plugin_folders
from tuneformer.config.registry import SHIPPED
from tuneformer.config.schema import GROUPS, register_with_hydra
from tuneformer.errors import UserError


def config_folder() -> Path:
    """The folder conf that belongs to this package, whatever the working directory holds.

    Raises:
        UserError: there is none.
    """
    if not (SHIPPED / "train.yaml").is_file():
        raise UserError(f"{SHIPPED} holds no train.yaml: install tuneformer anew")
    return SHIPPED


def option_folders(config_dir: str | Path | None = None) -> list[Path]:
    """The folders of options, first match first: the package's, those of plugins, and --config-dir."""
    return [config_folder(), *plugin_folders(), *([Path(config_dir)] if config_dir is not None else [])]


@contextmanager
def restored_hydra() -> Iterator[None]:
    """Puts back Hydra's and OmegaConf's globals: a caller may be a program of Hydra's itself."""
    Plugins.instance()  # each plugin tells the store of itself once, when it is imported
    config, whole, version = HydraConfig.instance(), GlobalHydra.instance(), VersionBase.instance()
    store, resolvers = ConfigStore.instance(), BaseContainer._resolvers
    before = config.cfg, whole.hydra, version.version_base, _copied(store.repo), dict(resolvers)
    try:
        yield
    finally:
        config.cfg, whole.hydra, version.version_base, store.repo, known = before
        resolvers.clear()
        resolvers.update(known)


def _copied(tree: dict[str, Any]) -> dict[str, Any]:
    return {name: _copied(node) if isinstance(node, dict) else node for name, node in tree.items()}


def compose_config(
    overrides: Sequence[str], config_dir: str | Path | None = None
) -> tuple[DictConfig, DictConfig]:
    """The configuration that `tuneformer train <overrides>` would train, and Hydra's own part of it.

    `config_dir`: a folder of further options beside those of the project, as --config-dir.

    Raises:
        UserError: `config_dir` is not a folder.
    """
    register_with_hydra()
    folders = create_config_search_path(str(config_folder()))
    if config_dir is not None:
        if not Path(config_dir).is_dir():
            raise UserError(f"--config-dir={config_dir} is not a folder: give one with options, as conf has")
        # where Hydra puts that of the command line: behind the project's own
        own = f"file://{Path(config_dir).resolve()}"
        folders.prepend(FURTHER_OPTIONS, own, SearchPathQuery(provider="schema"))
    before = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with guarded_hydra():
            Hydra.create_main_hydra2(task_name="train", config_search_path=folders)
            whole = compose("train", overrides=with_added_settings(overrides), return_hydra_config=True)
    finally:
        GlobalHydra.instance().clear()
        if before is not None:
            GlobalHydra.instance().initialize(before)
    hydra = whole.hydra
    with open_dict(whole):
        del whole["hydra"]
    _set_hydra_config(hydra)
    return whole, hydra


def _set_hydra_config(hydra: DictConfig) -> None:
    """Does what `HydraConfig.set_config` does, without the copy that takes it a third of composing."""
    OmegaConf.set_readonly(hydra, True)
    holder = OmegaConf.create()
    holder.__dict__["_content"]["hydra"] = hydra  # whose parent stays the whole, for interpolations
    HydraConfig.instance().cfg = cast("HydraConf", holder)


def chosen_options() -> dict[str, str]:
    """The option of each group that the configuration of this process was composed of, as Hydra knows it."""
    if not HydraConfig.initialized():
        return {}
    choices = HydraConfig.get().runtime.choices
    return {group: str(choices[group]) for group in GROUPS if choices.get(group) is not None}


def compose_choices(overrides: Sequence[str], config_dir: str | Path | None = None) -> DictConfig | None:
    """The configuration under the options that `overrides` choose and nothing else; None if it fails."""
    groups = (*GROUPS, "experiment")
    choices = [override for override in overrides if override.split("=")[0] in groups and "," not in override]
    for attempt in (choices, []):
        try:
            return compose_config(attempt, config_dir)[0]
        except (UserError, *COMPOSING_ERRORS):
            continue
    return None
