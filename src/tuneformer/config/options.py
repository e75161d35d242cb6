"""What an option of a config group contains by itself, before an experiment or the command line."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from tuneformer.config.plain import Config

FURTHER_OPTIONS = "command-line"
"""What Hydra calls the folder of --config-dir among its sources."""

# such a file also chooses options of Hydra itself, and holds its group's settings under the group's name
_GLOBAL = re.compile(r"# @package _global_$", re.MULTILINE)


def source_folders(hydra: DictConfig) -> list[Path]:
    """The folders that Hydra looked into for this configuration, first match first."""
    sources = (source for source in hydra.runtime.config_sources if source.schema == "file")
    return [Path(source.path) for source in sources]


def load_option(group: str, option: str, folders: Sequence[Path]) -> Config:
    """The settings of `conf/<group>/<option>.yaml` with its defaults of the same group merged in.

    Interpolations are left as they are written; a mandatory setting is "???".
    """
    for folder in folders:
        file = folder / group / f"{option}.yaml"
        if file.is_file():
            break
    else:
        raise FileNotFoundError(f"{group}/{option}.yaml in {[str(folder) for folder in folders]}")
    settings, defaults = _read(file, file.stat().st_mtime_ns, group)
    merged: Config = {}
    for entry in defaults:
        if entry == "_self_":
            merged = _merge(merged, settings)
        elif isinstance(entry, str):
            merged = _merge(merged, load_option(group, entry, folders))
    return merged


def list_options(group: str, folders: Sequence[Path]) -> list[str]:
    """The names of all options of a group; what several share has a file that begins with `_`."""
    files = (file for folder in folders for file in (folder / group).glob("*.yaml"))
    return sorted({file.stem for file in files if not file.stem.startswith("_")})


def is_variant(group: str, option: str, folders: Sequence[Path]) -> bool:
    """Whether an option is another one of its group with some values of its own."""
    file = next(file for folder in folders if (file := folder / group / f"{option}.yaml").is_file())
    _, defaults = _read(file, file.stat().st_mtime_ns, group)
    return any(isinstance(entry, str) and not entry.startswith("_") for entry in defaults)


@cache
def _read(file: Path, changed: int, group: str) -> tuple[Config, list[Any]]:
    """The settings of one file by itself, and its defaults; a sweep asks for the same few again and again."""
    node = OmegaConf.load(file)
    assert isinstance(node, DictConfig)
    defaults = list(node.pop("defaults", ["_self_"]))
    if "_self_" not in defaults:
        defaults.append("_self_")
    settings = _plain(node)
    if _GLOBAL.match(file.read_text(encoding="utf-8")):
        settings = settings.get(group, {})
    return settings, defaults


def _plain(node: DictConfig) -> Config:
    plain = OmegaConf.to_container(node, resolve=False, throw_on_missing=False)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _merge(below: Config, above: Config) -> Config:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
