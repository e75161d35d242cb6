"""What `--help` shows: the groups with their options, and every setting with what it means and may be."""

import inspect
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tuneformer.config.compose import compose_config
from tuneformer.config.described import described_arguments, description_of
from tuneformer.config.options import list_options, source_folders
from tuneformer.config.reference import may_be
from tuneformer.config.registry import Place, is_order
from tuneformer.config.schema import GROUPS, root_arguments
from tuneformer.config.setting import Argument
from tuneformer.config.shown import shown
from tuneformer.process.invocation import start_words

HEAD = """Trains a Transformer, or with --multirun many, and writes each into a run directory.

$this                                        the default experiment: a decoder on Shakespeare
$this optimizer=adam scheduler=warmup        choose an option of a group
$this optimizer.lr=3e-3 model.n_layers=2     change a setting
$this --multirun scheduler=cosine,linear seed=0,1,2
$this --cfg job [experiment=...]             show the whole configuration, train nothing
$this --help [optimizer=muon]                this page, with the settings of what is chosen

Groups and their options (group=option):

$groups

Settings (setting=value), what each means, and what it may be:

$settings"""

COLUMN = 44
"""Where the meanings begin."""


def help_page(overrides: Sequence[str], config_dir: str | Path | None = None) -> str:
    """The page for the options that `overrides` choose.

    Raises:
        UserError: the overrides are no configuration, or `config_dir` is no folder.
    """
    config, hydra = compose_config(overrides, config_dir)
    folders = source_folders(hydra)
    groups = (*sorted(GROUPS), "experiment")
    return Template(HEAD).substitute(
        this=shlex.join(start_words()),
        groups="\n".join(f"{group}: {', '.join(list_options(group, folders))}" for group in groups),
        settings="\n".join(_settings(config, hydra)),
    )


def _settings(config: DictConfig, hydra: DictConfig) -> Iterator[str]:
    """The groups one after the other, their chosen options and settings; last what belongs to no group."""
    plain = {str(name): _plain(config, str(name)) for name in config}
    choices = hydra.runtime.choices
    for group in GROUPS:
        yield f"{group}={choices.get(group)}"
        yield from _of_component((group,), plain.pop(group))
        yield ""
    arguments = root_arguments()
    for name, value in plain.items():
        yield _line(name, value, arguments.get(name))


def _plain(config: DictConfig, name: str) -> Any:
    """The value of a setting or a group, interpolations resolved where they can be by now."""
    node = config._get_node(name)
    try:
        return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else config[name]
    except OmegaConfBaseException:
        return OmegaConf.to_container(node, resolve=False)


def _of_component(place: Place, settings: Mapping[str, Any]) -> Iterator[str]:
    described = description_of(place, settings)
    if described is not None and (words := inspect.getdoc(described)):
        yield f"  {words.splitlines()[0]}"
    arguments = described_arguments(place, settings)
    for name, value in settings.items():
        if is_order(name):
            continue
        path = ".".join((*place, str(name)))
        argument = arguments.get(str(name))
        if isinstance(value, Mapping) and (argument is None or argument.is_component):
            yield from _of_component((*place, str(name)), value)
        else:
            yield _line(path, value, argument)


def _line(path: str, value: Any, argument: Argument | None) -> str:
    if argument is not None and argument.length == 0 and argument.types != (str,):
        value = f"({len(value)} {argument.kind.removeprefix('a list of ')})"
    setting = f"{path}={shown(value)}".replace("\n", "\\n")
    if argument is None:
        return f"  {setting}"
    unit = f", {argument.setting.unit}" if argument.setting.unit else ""
    allowed = may_be(argument).replace("`", "")
    return f"  {setting:<{COLUMN}}  {argument.setting.what}{unit} [{allowed}]"
