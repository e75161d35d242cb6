"""`run_dir=RUN` of a run that has begun stands for the overrides that compose this run's configuration.

So `tuneformer train run_dir=RUN` goes on with the run as it is, and what is typed besides stands above it.
The overrides pass through every check that others do: a run directory is trusted no more than they are.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString
from hydra.errors import HydraException
from omegaconf import OmegaConf

from tuneformer.config.compose import compose_config, option_folders
from tuneformer.config.described import added_later, follows_from_data
from tuneformer.config.flat_settings import flat_settings
from tuneformer.config.keys import OF_PARTS
from tuneformer.config.open_options import OPEN
from tuneformer.config.options import list_options, load_option
from tuneformer.config.plain import Config
from tuneformer.config.quoting import as_typed, plain_name
from tuneformer.config.registry import TARGET
from tuneformer.config.schema import GROUPS
from tuneformer.config.sizes import BY_SIZE
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory

# Groups that can be chosen anew for a run that goes on; any other choice composes a configuration by itself.
CHOSEN_ANEW = frozenset({"callbacks", "logger"})
# What belongs to the sweep that a run may have been a job of, and where the run lies.
NOT_TAKEN = frozenset({"launcher", "search", "preflight", "retry_failed", "run_dir"})
A_PART = 1000  # an option that has a part is nearer than one that it was added to, whatever its settings
FROM_ENVIRONMENT = "${oc.env:"


def with_run_settings(overrides: Sequence[str], config_dir: str | Path | None = None) -> list[str]:
    """The overrides behind those of the run in `run_dir=`, if it has begun and they choose no other options.

    Of the run's configuration are left out: what an option takes from the environment, which is the
    reader's, and what the data fill in.

    Raises:
        UserError: the run's configuration cannot be read, or is made of no option there is.
    """
    folder, chosen = _run_dir(overrides), _chosen(overrides)
    if not folder or chosen - CHOSEN_ANEW:
        return list(overrides)
    directory = RunDirectory(Path(folder))
    if not directory.begun() and not directory.config_file.is_file():
        return list(overrides)
    config = {key: value for key, value in directory.read_config().items() if key not in NOT_TAKEN}
    folders, record = option_folders(config_dir), directory.readable_record()
    recorded = record.options if record is not None else {}
    choices = [
        f"{group}={_option(group, config[group], folders, directory, recorded=recorded.get(group))}"
        for group in GROUPS
        if group in config and group not in chosen
    ]
    composed = compose_config(choices, config_dir)[0]
    written: Any = OmegaConf.to_container(composed, resolve=False)
    resolved: Any = OmegaConf.to_container(composed, resolve=True, throw_on_missing=False)
    mine = {key: value for key, value in config.items() if key not in chosen and key in resolved}
    try:
        return [*choices, *_differences(mine, written, resolved, ""), *overrides]
    except UserError as error:
        raise UserError(f"{directory.config_file} is damaged: {error}") from error


def _run_dir(overrides: Sequence[str]) -> str | None:
    """The value of run_dir, as Hydra reads it."""
    given = [text for text in overrides if text.startswith("run_dir=")]
    if not given:
        return None
    try:
        value = OverridesParser.create().parse_override(given[-1]).value()
    except HydraException:  # it has its own message
        return None
    return value.text if isinstance(value, QuotedString) else value if isinstance(value, str) else None


def _chosen(overrides: Sequence[str]) -> set[str]:
    keys = {text.lstrip("+~").partition("=")[0].partition("@")[0] for text in overrides}
    return keys & {*GROUPS, "experiment"}


def _option(
    group: str, settings: Any, folders: Sequence[Path], directory: RunDirectory, *, recorded: str | None
) -> str:
    """The option that is recorded, or else the nearest to the settings among those of the same classes."""
    if not isinstance(settings, Mapping):
        raise UserError(f"{directory.config_file} is damaged: {group} is no group of settings")
    there = list_options(group, folders)
    if recorded in there and _distance(group, recorded, settings, folders) is not None:
        return recorded
    nearest = min(
        (
            (distance, option)
            for option in there
            if (distance := _distance(group, option, settings, folders)) is not None
        ),
        default=None,
    )
    if nearest is None:
        raise UserError(
            f"{directory.config_file} has settings of {group} that are of no option: name its folder by"
            f" --config-dir, or type every choice, {group}=<option> as well"
        )
    return nearest[1]


def _distance(group: str, option: str, settings: Mapping[str, Any], folders: Sequence[Path]) -> int | None:
    """In how many settings they differ from an option; None where it cannot be theirs."""
    known = load_option(group, option, folders)
    added = [
        part for part in settings.keys() - known.keys() if group in OF_PARTS and _is_part(settings[part])
    ]
    settings = {key: value for key, value in settings.items() if key not in added}
    if (group, option) in OPEN:  # the last resort: any class
        return 10**6 if known.keys() <= settings.keys() else None
    lacking = known.keys() - settings.keys() - added_later(group)
    if settings.keys() - known.keys() or (lacking and group not in OF_PARTS):
        return None
    mine, theirs = dict(flat_settings(settings)), dict(flat_settings(known))
    targets = [path for path in mine if path.endswith("_target_")]
    if any(mine[path] != theirs.get(path) for path in targets):
        return None
    changed = sum(_text(mine.get(path)) != _text(theirs.get(path)) for path in mine.keys() | theirs.keys())
    return changed + A_PART * len(added)


def _differences(config: Config, written: Config, resolved: Config, prefix: str) -> Iterator[str]:
    """The overrides that turn the composed configuration into the run's."""
    for key, value in config.items():
        path, group = f"{prefix}{plain_name(key)}", prefix.partition(".")[0]
        known = resolved.get(key)
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            yield from _differences(dict(value), dict(written[key]), dict(known), f"{path}.")
        elif str(written.get(key)).startswith(FROM_ENVIRONMENT) or (
            known is None and group in ("data", "model") and key in follows_from_data("model")
        ):
            continue
        elif key not in resolved and prefix.rstrip(".") in OF_PARTS:
            yield f"+{path}={as_typed(value)}"
        elif key not in resolved or _text(value) != _text(known) or _by_another_size(config, written, key):
            yield f"{path}={as_typed(value)}"
    if prefix.rstrip(".") in OF_PARTS:
        yield from (f"~{prefix}{part}" for part in resolved if part not in config)


def _is_part(settings: Any) -> bool:
    return isinstance(settings, Mapping) and TARGET in settings


def _by_another_size(config: Config, written: Config, key: str) -> bool:
    """Whether the size that the run names would set it, to a value that need not be the run's."""
    return config.get("size") is not None and str(written.get(key)).startswith(BY_SIZE)


def _text(value: Any) -> str:
    """Equal for values that the hash of a configuration takes for equal: 1 and 1.0 are not."""
    return json.dumps(value, default=str)
