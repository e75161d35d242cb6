"""What may be said to Hydra itself: nothing but what this project uses of it.

Before it calls us, Hydra calls what its own settings name (`hydra.callbacks`, `hydra.job_logging`) and makes
the folders that they name. So they are checked where Hydra composes. Every configuration comes through here:
from the command line, from files, and once more for each job of a sweep.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import hydra._internal.hydra as hydra_main
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf._utils import split_key

from tuneformer.config.adapting_loader import AdaptingConfigLoader
from tuneformer.config.messages import COMPOSING_ERRORS
from tuneformer.config.registry import is_order
from tuneformer.config.shown import printable
from tuneformer.errors import UserError, reason_of

PRIMARY = "train"
VERBOSE = "hydra.verbose"
OF_SWEEPS = ("hydra.sweeper.n_trials", "hydra.sweeper.budget")
FREE = ("hydra.launcher", *OF_SWEEPS, "hydra.verbose", "hydra.job.name", "hydra.mode")
"""Options of a cluster, the size of a sweep, log levels, the name of a rank's process, --multirun."""
FREE_IN_FILES = OF_SWEEPS
COMMANDS = ("run", "multirun", "cfg", "info", "shell_completion")
FIXED = {"hydra.run.dir": ".", "hydra.output_subdir": None}
"""What Lightning tells the other ranks, and what it is already."""
CHOICES = {
    "hydra/callbacks": None,
    "hydra/hydra_logging": "none",
    "hydra/job_logging": "none",
    "hydra/sweeper": "tuneformer",
}
AS_SHIPPED = {
    "callbacks": {},
    "output_subdir": None,
    "run": {"dir": "."},
    "searchpath": [],
    "sweep": {"dir": ".", "subdir": "."},
}
"""What conf/train.yaml says to Hydra, compared once more when all is composed, however it was said."""
INSTEAD = {
    "hydra.callbacks": "callbacks of a run are options of conf/callbacks",
    "hydra.run": "run_dir=<folder> says where a run lies",
    "hydra.searchpath": "--config-dir=<folder> adds options of your own",
    "hydra.sweep": "sweep=<name> says where the runs of a sweep lie",
    "hydra/launcher": "choose launcher=ray or launcher=slurm, which stand on plugins of Hydra",
    "--config-name": "experiment=<name> chooses a recipe",
    "--config-path": "--config-dir=<folder> adds options of your own",
    "--experimental-rerun": "run_dir=<run> goes on with a run",
}
SETTABLE = f"of Hydra's own settings there are hydra.launcher.*, {', '.join(OF_SWEEPS)} and hydra.verbose"


class GuardedConfigLoader(AdaptingConfigLoader):
    """Composes as Hydra does, and refuses what would make Hydra itself call or write something."""

    def _parse_overrides_and_create_caching_repo(
        self, config_name: str | None, overrides: list[str], parsed_overrides: list[Override] | None = None
    ) -> Any:
        if config_name not in (None, PRIMARY):
            raise _refused("--config-name", config_name)
        parsed_overrides = parsed_overrides or self.parse_overrides(config_name, overrides)
        for override in parsed_overrides:
            _check_override(override)
        return super()._parse_overrides_and_create_caching_repo(config_name, overrides, parsed_overrides)

    def _load_single_config(self, default: Any, repo: Any) -> Any:
        loaded = super()._load_single_config(default, repo)
        by_hydra = loaded.path.startswith(("pkg://hydra.", "structured://"))
        if not (by_hydra or default.primary) and isinstance(loaded.config, DictConfig):
            _check_file(loaded.config, f"{default.config_path}.yaml")
        return loaded

    def _load_configuration_impl(self, *args: Any, **kwargs: Any) -> DictConfig:
        config = self._composed(*args, **kwargs)
        chosen = config.hydra.runtime.choices
        for group, option in CHOICES.items():
            if chosen.get(group) != option:
                raise _refused(group, chosen.get(group))
        for name, value in AS_SHIPPED.items():
            composed = _plain(config.hydra[name])
            if composed != value:
                raise _refused(f"hydra.{name}", composed)
        return config

    def _composed(self, *args: Any, **kwargs: Any) -> DictConfig:
        try:
            return super()._load_configuration_impl(*args, **kwargs)
        except (UserError, *COMPOSING_ERRORS):
            raise
        except RecursionError as error:
            raise UserError("options nest too deeply, or name one another in a circle (defaults)") from error
        except ValueError as error:  # what Hydra itself did not expect to be given
            raise UserError(reason_of(error)) from error


@contextmanager
def guarded_hydra() -> Iterator[None]:
    """Within it, Hydra composes with `GuardedConfigLoader`, wherever its main function is called."""
    with patch.object(hydra_main, "ConfigLoaderImpl", GuardedConfigLoader):
        yield


def check_flags(arguments: Sequence[str]) -> None:
    """Raises UserError for flags of Hydra's that exclude each other, or read another main configuration."""
    given = get_args_parser().parse_intermixed_args(list(arguments))
    asked = [f"--{flag.replace('_', '-')}" for flag in COMMANDS if getattr(given, flag)]
    if len(asked) > 1:
        raise UserError(f"{' and '.join(asked)} do not go together")
    if given.resolve and not (given.cfg or given.help):
        raise UserError("--resolve goes with --cfg=job, which shows a configuration")
    if given.config_dir == "":
        raise UserError("--config-dir is empty: give a folder")
    for name in ("config_path", "config_name", "experimental_rerun"):
        value = getattr(given, name, None)
        if value is not None and (name, value) != ("config_name", PRIMARY):
            raise _refused(f"--{name.replace('_', '-')}", value)


def _check_override(override: Override) -> None:
    key = override.key_or_group
    if "/" in key or override.package is not None:
        if key.startswith("hydra/"):
            raise _refused(key, override.value())
        return
    path = split_key(key)
    name = ".".join(path)
    if path[0] != "hydra" or (name in FIXED and override.value() == FIXED[name]):
        return
    if override.is_delete() or not any(name == free or name.startswith(f"{free}.") for free in FREE):
        raise _refused(name, override.value())
    if name == VERBOSE and not isinstance(override.value(), bool | str | list):
        raise UserError(f"{VERBOSE}={printable(override.value())} must be true, false or names of loggers")
    if _orders(dict.fromkeys(path)) or _orders(override.value()):
        raise _refused(name, override.value())


def _check_file(config: DictConfig, file: str) -> None:
    """A file says nothing to Hydra: who chooses an experiment has not read it."""
    if "hydra" not in config:
        return
    settings = OmegaConf.to_container(OmegaConf.masked_copy(config, "hydra"), resolve=False)
    for name, value in _leaves(settings):
        if name not in FREE_IN_FILES or isinstance(value, str):
            raise UserError(f"{file}: {_refused(name, value)}")


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=False) if OmegaConf.is_config(node) else node


def _leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(node, dict) or not node:
        yield prefix, node
        return
    for key, value in node.items():
        yield from _leaves(value, f"{prefix}.{key}" if prefix else str(key))


def _orders(value: Any) -> bool:
    """Whether something is to be built of the value."""
    if isinstance(value, dict):
        return any(is_order(key) or _orders(each) for key, each in value.items())
    return isinstance(value, list) and any(_orders(each) for each in value)


def _refused(name: str, value: object) -> UserError:
    instead = next((INSTEAD[key] for key in INSTEAD if name == key or name.startswith(f"{key}.")), SETTABLE)
    return UserError(
        f"{printable(name)}={printable('null' if value is None else value)} is not used here: {instead}"
    )
