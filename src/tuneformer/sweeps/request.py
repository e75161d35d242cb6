"""What a command line with --multirun asks for: its points composed and checked, and what holds for all."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from tuneformer.config.plain import Config
from tuneformer.sweeps.agreement import check_agreement
from tuneformer.sweeps.composing import Composed, Composer
from tuneformer.sweeps.listed_values import listed_values
from tuneformer.sweeps.points import Point, named_keys, points_of, swept_keys
from tuneformer.sweeps.search.settings import is_search


@dataclass(frozen=True, kw_only=True)
class Request:
    """The points of a sweep, and the settings that hold for all of them, by the first."""

    composer: Composer = field(repr=False)
    composed: Sequence[Composed] = field(repr=False)
    swept: frozenset[str]
    named: frozenset[str]
    settings: Config = field(repr=False)
    controller: DictConfig = field(repr=False)
    n_trials: int | None
    budget: str | None


def read_request(
    overrides: Sequence[Override], parser: OverridesParser, *, loader: ConfigLoader, config_name: str
) -> Request:
    """Composes and checks every combination of values, those of experiment files included.

    Each by itself: no setting is judged by an option that a job does not have.

    Raises:
        UserError: one cannot be composed or trained, or they say different things about the sweep.
    """
    of_hydra = [o.input_line for o in overrides if o.is_hydra_override() and o.input_line is not None]
    composer = Composer(loader=loader, config_name=config_name, of_hydra=of_hydra)
    points = list[Point]()
    every = of_jobs = [override for override in overrides if not override.is_hydra_override()]
    for given in points_of(overrides):
        listed = listed_values(composer.grid_of(given), given, parser)
        every = [*every, *listed.overrides]
        points += [(*given, *more) for more in listed.points]
    composed = [composer.compose(point) for point in points]
    first = composed[0]
    check_agreement(composed, one_metric=is_search(first.config["search"]))
    name = [f"sweep={o.get_value_element_as_str()}" for o in of_jobs if o.get_key_element() == "sweep"]
    controller = composer.controller((*first.point, *name))
    return Request(
        composer=composer,
        composed=composed,
        swept=swept_keys(every),
        named=named_keys(every),
        settings={**first.config, "sweep": controller.sweep},
        controller=controller,
        n_trials=first.hydra.sweeper.n_trials,
        budget=first.hydra.sweeper.budget,
    )
