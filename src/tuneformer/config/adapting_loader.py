"""Hydra's composing, fitted to our options: what is filled in from them, and what they have no use for."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict

from tuneformer.config.options import list_options, load_option
from tuneformer.config.own_spaces import own_spaces
from tuneformer.config.registry import is_order
from tuneformer.config.setting import AUTO
from tuneformer.config.telling_loader import TellingConfigLoader

OF_EVERY_OPTION = frozenset({"search.grid"})
"""Settings of one option that mean the same with every other: a grid lists the methods of a search."""

ANY_OPTIMIZER = ("optimizer", "any")
"""An option whose settings an experiment may give, whatever they are."""


class AdaptingConfigLoader(TellingConfigLoader):
    """Composes as Hydra does, and then:

    `search.spaces: auto` in a file becomes what each optimizer says of itself. Where somebody chooses another
    option than an experiment was written for, as in `experiment=smoke data=translation`, the settings of the
    experiment that only other options of the group have are left out; what is typed stays, and is refused.
    """

    def _load_single_config(self, default: Any, repo: Any) -> Any:
        loaded = super()._load_single_config(default, repo)
        ours = isinstance(loaded.config, DictConfig) and not loaded.path.startswith(
            ("pkg://hydra.", "structured://")
        )
        if ours and OmegaConf.select(loaded.config, "search.spaces") == AUTO:
            loaded.config.search.spaces = own_spaces(self._folders())
            self.depends_on_more()
        return loaded

    def _load_configuration_impl(self, *args: Any, **kwargs: Any) -> DictConfig:
        config = super()._load_configuration_impl(*args, **kwargs)
        choices = config.hydra.runtime.choices
        if choices.get("experiment") is None:
            return config
        typed = self.parse_overrides(None, list(config.hydra.overrides.task))
        with open_dict(config):
            for group in {each.key_or_group for each in typed} & choices.keys():
                for name in [*_unneeded(config, str(group), str(choices[group]), typed, self._folders())]:
                    del config[group][name]
        return config

    def _folders(self) -> list[Path]:
        return [Path(source.path) for source in self.get_sources() if source.scheme() == "file"]


def _unneeded(
    config: DictConfig, group: str, option: str, typed: Sequence[Override], folders: Sequence[Path]
) -> Iterator[str]:
    """The settings of a group that its option does not have, another one has, and nobody typed."""
    options, settings = list_options(group, folders), config.get(group)
    if option not in options or (group, option) == ANY_OPTIMIZER or not isinstance(settings, DictConfig):
        return
    known = load_option(group, option, folders)
    further = [str(name) for name in settings if name not in known and not is_order(str(name))]
    keys = [each.key_or_group for each in typed if not each.is_delete()]
    for name in further:
        path = f"{group}.{name}"
        if path in OF_EVERY_OPTION or any(key == path or key.startswith(f"{path}.") for key in keys):
            continue
        if any(name in load_option(group, other, folders) for other in options):
            yield name
