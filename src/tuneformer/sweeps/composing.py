"""Points to configurations, composed once for each combination of options."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from tuneformer.checks.config import check_config
from tuneformer.config.messages import COMPOSING_ERRORS, one_line
from tuneformer.config.open_options import with_added_settings
from tuneformer.config.plain import Config
from tuneformer.config.schema import GROUPS
from tuneformer.errors import UserError
from tuneformer.sweeps.points import Point, key_of

CHOICES = (*GROUPS, "experiment")


@dataclass(frozen=True, kw_only=True)
class Composed:
    """A point with its checked configuration and Hydra's own part of it."""

    point: Point
    config: Config = field(repr=False)
    hydra: DictConfig = field(repr=False)


class Composer:
    """Composes and checks points. Those that differ in numbers alone share what Hydra composed."""

    def __init__(self, *, loader: ConfigLoader, config_name: str, of_hydra: Sequence[str]) -> None:
        """`of_hydra`: the overrides of hydra.*, which hold for all points."""
        self._loader = loader
        self._config_name = config_name
        self._of_hydra = tuple(of_hydra)
        self._parser = OverridesParser.create(config_loader=loader)
        self._parsed: dict[str, Override] = {}
        self._composed: dict[tuple[str, ...], tuple[DictConfig, DictConfig]] = {}

    def compose(self, point: Point) -> Composed:
        """The point's checked configuration, and Hydra's own part of it.

        Raises:
            UserError: it cannot be composed or trained; in one line, with the point.
        """
        with self._told_with(point):
            config, hydra = self._compose(point)
            return Composed(point=point, config=check_config(config, hydra), hydra=hydra)

    def grid_of(self, point: Point) -> Any:
        """The point's `search.grid`, the values that its experiment file lists; UserError as of `compose`."""
        with self._told_with(point):
            grid = self._compose(point)[0].search.get("grid")
            return OmegaConf.to_container(grid, resolve=True) if OmegaConf.is_config(grid) else grid

    def controller(self, point: Point) -> DictConfig:
        """The whole configuration that Hydra's launchers take for that of the sweep."""
        with self._told_with(point):
            whole = self._load(point, RunMode.MULTIRUN)
        whole.hydra.mode = RunMode.MULTIRUN
        return whole

    @contextmanager
    def _told_with(self, point: Point) -> Iterator[None]:
        """Whatever is wrong within is told in one line, with the point."""
        try:
            yield
        except (UserError, *COMPOSING_ERRORS) as error:
            line = error if isinstance(error, UserError) else one_line(error, self._known(point))
            raise UserError(f"{line} (in the job {' '.join(point)})") from error

    def _known(self, point: Point) -> DictConfig | None:
        """What could have been named, given the options that the point chooses; None if they fail."""
        choices = tuple(override for override in point if key_of(override) in CHOICES)
        try:
            return self._load(choices, RunMode.RUN)
        except COMPOSING_ERRORS:
            return None

    def _load(self, point: Point, mode: RunMode) -> DictConfig:
        overrides = [*self._of_hydra, *with_added_settings(point)]
        return self._loader.load_configuration(self._config_name, overrides, mode)

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
        whole = self._load(point, RunMode.RUN)
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
