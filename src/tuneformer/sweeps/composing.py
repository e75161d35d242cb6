"""Points to configurations, composed once for each combination of options."""

from collections.abc import Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from tuneformer.checks import check_config
from tuneformer.config.compose import compose_choices
from tuneformer.config.messages import COMPOSING_ERRORS, one_line
from tuneformer.config.schema import GROUPS
from tuneformer.errors import UserError
from tuneformer.sweeps.points import Point

Config = dict[str, Any]

CHOICES = (*GROUPS, "experiment")


class Composer:
    """Composes and checks points. Those that differ in numbers alone share what Hydra composed."""

    def __init__(self, *, loader: ConfigLoader, master: DictConfig) -> None:
        """`master`: the configuration of the sweep, which has Hydra's own overrides."""
        self._loader = loader
        self._master = master
        self._parser = OverridesParser.create(config_loader=loader)
        self._parsed: dict[str, Override] = {}
        self._composed: dict[tuple[str, ...], tuple[DictConfig, DictConfig]] = {}

    def compose(self, point: Point) -> tuple[Config, DictConfig]:
        """The point's checked configuration, and Hydra's own part of it.

        Raises:
            UserError: it cannot be composed or trained; in one line, with the point.
        """
        try:
            config, hydra = self._compose(point)
            return check_config(config, hydra), hydra
        except (UserError, *COMPOSING_ERRORS) as error:
            line = error if isinstance(error, UserError) else one_line(error, compose_choices(point))
            raise UserError(f"{line} (in the job {' '.join(point)})") from error

    def _compose(self, point: Point) -> tuple[DictConfig, DictConfig]:
        overrides = [self._parse(text) for text in point]
        shape = tuple(
            override.get_key_element() if _is_plain(override) else text
            for override, text in zip(overrides, point, strict=True)
        )
        if shape in self._composed:
            config, hydra = self._composed[shape]
            try:
                _set_all(config, overrides)
                return config, hydra
            except OmegaConfBaseException:
                pass  # Hydra tells of it with the override's name
        whole = self._loader.load_sweep_config(self._master, list(point))
        hydra = whole.hydra
        with open_dict(whole):
            del whole["hydra"]
        self._composed[shape] = whole, hydra
        return whole, hydra

    def _parse(self, text: str) -> Override:
        if text not in self._parsed:
            self._parsed[text] = self._parser.parse_overrides([text])[0]
        return self._parsed[text]


def _is_plain(override: Override) -> bool:
    """Whether the override replaces a value and nothing else."""
    return not (
        override.is_add()
        or override.is_delete()
        or override.is_list_extend()
        or override.package is not None
        or isinstance(override.value(), dict)
        or override.key_or_group in CHOICES
        or "/" in override.key_or_group
    )


def _set_all(config: DictConfig, overrides: Sequence[Override]) -> None:
    for override in overrides:
        if _is_plain(override):
            OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
