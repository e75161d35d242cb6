"""What Hydra has read and merged in this process before: the jobs of a sweep are made of the same files.

One configuration is made of some twenty files, and to find, read and merge them is nearly all of what
composing takes. What a set of options comes to is remembered with the whole text of its files, so that a
file that has changed is read again; the settings beside the options are put in anew.
"""

import copy
import pickle
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository, ConfigRepository, IConfigRepository
from hydra._internal.defaults_list import Overrides
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigNode, ConfigStore
from hydra.core.default_element import ResultDefault
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobRuntime
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.types import RunMode
from hydra.version import getbase
from omegaconf import DictConfig

from tuneformer.config.messages import COMPOSING_ERRORS
from tuneformer.errors import UserError, reason_of

AT_MOST = 128
"""Sets of options remembered: as many as a sweep alternates between."""

Files = dict[str, ConfigResult | None]


@dataclass(frozen=True)
class _Composed:
    """What a set of options comes to, pickled: each caller gets a copy of its own."""

    files: Files
    config: bytes


_read: dict[tuple[str, ...], tuple[object, ConfigResult]] = {}
_composed: dict[tuple[Any, ...], _Composed] = {}
_in_packages: dict[tuple[str, str, ObjectType | None], bool] = {}


class RememberingConfigLoader(ConfigLoaderImpl):
    """Composes as Hydra does; options that it has composed before are not read or merged again."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self.repository = _RememberingRepository(config_search_path)

    def parse_overrides(
        self, config_name: str | None, overrides: list[str], alias_start: int = 0
    ) -> list[Override]:
        # without Hydra's aliases: conf/train.yaml has none
        return [copy.copy(_parsed(line)) for line in overrides]

    def _load_configuration_impl(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
        skip_missing_defaults: bool = False,
        activate_config_repository: bool = False,
        parsed_overrides: list[Override] | None = None,
    ) -> DictConfig:
        self.ensure_main_config_source_available()
        parsed, repo = self._parse_overrides_and_create_caching_repo(config_name, overrides, parsed_overrides)
        if validate_sweep_overrides:
            self.validate_sweep_overrides_legal(parsed, run_mode=run_mode, from_shell=from_shell)
        settings = Overrides(repo=repo, overrides_list=parsed).config_overrides
        options = [each for each in parsed if not any(each is setting for setting in settings)]
        config = self._composed_options(config_name, options, run_mode, repo, skip_missing_defaults)
        self._apply_overrides_to_config(settings, config)
        said = config.hydra.overrides
        said.hydra = [each.input_line for each in parsed if each.is_hydra_override()]
        said.task = [each.input_line for each in parsed if not each.is_hydra_override()]
        config.hydra.runtime.cwd = str(Path.cwd())
        if activate_config_repository:
            self._active_repository = repo
        return config

    def _composed_options(
        self,
        config_name: str | None,
        options: list[Override],
        run_mode: RunMode,
        repo: CachingConfigRepository,
        skip_missing: bool,
    ) -> DictConfig:
        """What the options come to by themselves: a copy that the caller may change."""
        key = (
            config_name,
            tuple(each.input_line for each in options),
            skip_missing or run_mode == RunMode.MULTIRUN,
            tuple((source.scheme(), source.provider, source.path) for source in repo.get_sources()),
            getbase(),
            JobRuntime.instance().get("name"),
        )
        known = _composed.get(key)
        if known is None or any(repo.load_config(path) is not file for path, file in known.files.items()):
            config = super()._load_configuration_impl(
                config_name=config_name,
                overrides=[],
                run_mode=run_mode,
                validate_sweep_overrides=False,
                skip_missing_defaults=skip_missing,
                parsed_overrides=options,
            )
            _composed.pop(key, None)
            if len(_composed) >= AT_MOST:
                del _composed[next(iter(_composed))]
            if not self._from_its_files:
                return config
            known = _composed[key] = _Composed(files=self._files, config=pickle.dumps(config))
        return pickle.loads(known.config)

    def depends_on_more(self) -> None:
        """Says that what is being composed follows from more than its files: it is not remembered."""
        self._from_its_files = False

    def _compose_config_from_defaults_list(
        self, defaults: list[ResultDefault], repo: IConfigRepository
    ) -> DictConfig:
        assert isinstance(repo, CachingConfigRepository)
        self._from_its_files = True
        # what Hydra has looked for, found or not
        self._files = {name.removeprefix("config_path="): file for name, file in repo.cache.items()}
        return super()._compose_config_from_defaults_list(defaults, repo)

    def _load_single_config(self, default: ResultDefault, repo: IConfigRepository) -> ConfigResult:
        loaded = super()._load_single_config(default, repo)
        if loaded is repo.load_config(str(default.config_path)):
            # Hydra moves the nodes of what it merges
            loaded = replace(loaded, config=copy.deepcopy(loaded.config))
        return loaded


class _RememberingRepository(ConfigRepository):
    """Hydra's, whose files are shared by all compositions: read them, and change a copy."""

    def load_config(self, config_path: str) -> ConfigResult | None:
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        if source is None:
            return None
        key = (source.scheme(), source.provider, source.path, config_path)
        content = _content(source, config_path)
        if key not in _read or not _is_same(_read[key][0], content):
            loaded = self._load(config_path, f"{source.path}/{source._normalize_file_name(config_path)}")
            _read[key] = content, loaded
        return _read[key][1]

    def _find_object_source(self, config_path: str, object_type: ObjectType | None) -> ConfigSource | None:
        return next((each for each in self.sources if _holds(each, config_path, object_type)), None)

    def _load(self, config_path: str, file: str) -> ConfigResult:
        try:
            loaded = super().load_config(config_path)
        except COMPOSING_ERRORS:
            raise
        except RecursionError as error:
            raise UserError(f"{file} cannot be read: it nests too deeply") from error
        except (OSError, ValueError) as error:  # no UTF-8, no table, a number of too many digits
            raise UserError(f"{file} cannot be read: {reason_of(error)}") from error
        assert loaded is not None
        return loaded


@lru_cache(maxsize=4096)
def _parsed(line: str) -> Override:
    return OverridesParser.create().parse_overrides([line])[0]


def _holds(source: ConfigSource, config_path: str, object_type: ObjectType | None) -> bool:
    if source.scheme() == "pkg":  # of an installed package
        key = (source.path, config_path, object_type)
        if key not in _in_packages:
            _in_packages[key] = _finds(source, config_path, object_type)
        return _in_packages[key]
    return _finds(source, config_path, object_type)


def _finds(source: ConfigSource, config_path: str, object_type: ObjectType | None) -> bool:
    return source.is_group(config_path) if object_type == ObjectType.GROUP else source.is_config(config_path)


def _is_same(before: object, now: object) -> bool:
    if isinstance(before, ConfigNode) and isinstance(now, ConfigNode):
        return before.node is now.node or pickle.dumps(before.node) == pickle.dumps(now.node)
    return before is now or (isinstance(before, str) and before == now)


def _content(source: ConfigSource, config_path: str) -> object:
    """What the file holds now: its text, or what a program has registered."""
    name = source._normalize_file_name(config_path)
    if source.scheme() == "structured":
        return ConfigStore.instance()._open(name)
    if source.scheme() != "file":
        return None  # of an installed package
    try:
        return (Path(source.path) / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return error  # unequal to every other: Hydra itself says what is wrong
