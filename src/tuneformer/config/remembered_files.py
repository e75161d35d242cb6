"""What Hydra has read and merged in this process before: the jobs of a sweep are made of the same files.

One configuration is made of some twenty files, and to read and merge them is nearly all of what composing
takes. They are remembered by their whole text, so that a file that has changed is read again.
"""

import copy
import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository, IConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.default_element import ResultDefault
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import DictConfig

from tuneformer.config.messages import COMPOSING_ERRORS
from tuneformer.errors import UserError, reason_of

AT_MOST = 64
"""Compositions remembered: as many sets of options as a sweep alternates between."""

_read: dict[tuple[str, ...], tuple[object, ConfigResult]] = {}
# a composition with the files of each, so that no other object takes their identity
_merged: dict[tuple[Any, ...], tuple[list[ConfigResult], bytes]] = {}


class RememberingConfigLoader(ConfigLoaderImpl):
    """Composes as Hydra does; files that it has read or merged before are not read or merged again."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self.repository = _RememberingRepository(config_search_path)

    def _compose_config_from_defaults_list(
        self, defaults: list[ResultDefault], repo: IConfigRepository
    ) -> DictConfig:
        files = [repo.load_config(str(default.config_path)) for default in defaults]
        key = _identity(defaults, files)
        if key not in _merged:
            merged = super()._compose_config_from_defaults_list(defaults, repo)
            if len(_merged) >= AT_MOST:
                del _merged[next(iter(_merged))]
            _merged[key] = [file for file in files if file is not None], pickle.dumps(merged)
        # a copy: what was composed belongs to the caller
        return pickle.loads(_merged[key][1])

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
        if key not in _read or _read[key][0] != content:
            loaded = self._load(config_path, f"{source.path}/{source._normalize_file_name(config_path)}")
            _read[key] = content, loaded
        return _read[key][1]

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


def _content(source: ConfigSource, config_path: str) -> object:
    """What the file holds now: its text, or what a program has registered; equal if it is unchanged."""
    name = source._normalize_file_name(config_path)
    if source.scheme() == "structured":
        return pickle.dumps(ConfigStore.instance()._load(name).node)
    if source.scheme() != "file":
        return None  # of an installed package
    try:
        return (Path(source.path) / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return error  # unequal to every other: Hydra itself says what is wrong


def _identity(defaults: Sequence[ResultDefault], files: Sequence[ConfigResult | None]) -> tuple[Any, ...]:
    return tuple(
        (default.config_path, default.package, default.is_self, default.primary, id(file))
        for default, file in zip(defaults, files, strict=True)
    )
