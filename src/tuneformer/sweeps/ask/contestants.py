"""From the points of a command line to what is asked: methods, their spaces, and what the check tries."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tuneformer.analysis.compare.criterion import CHOOSING
from tuneformer.analysis.compare.trial import USUAL_BASELINE
from tuneformer.config.described import described_arguments
from tuneformer.config.plain import Config
from tuneformer.config.quoting import typed
from tuneformer.config.ranges import LARGEST_COUNT, Range
from tuneformer.config.registry import Place
from tuneformer.config.suggestions import did_you_mean
from tuneformer.errors import UserError
from tuneformer.models.settings_object import has_attention
from tuneformer.sweeps.ask.baseline_check import Variant
from tuneformer.sweeps.ask.inquiry import Contestant, Question
from tuneformer.sweeps.ask.tuning_space import TuningSpace
from tuneformer.sweeps.composing import Composed
from tuneformer.sweeps.points import Point, key_of
from tuneformer.sweeps.search.method import Method, make_method
from tuneformer.sweeps.search.settings import is_ladder
from tuneformer.sweeps.search.space import Choices, SearchRange, Space

SEED, HORIZON, VALIDATED = "seed", "trainer.max_steps", "trainer.val_check_interval"
RATE = "optimizer.lr"
LARGEST_SEED = 2**31
BESIDE_OPTIMIZER = ("scheduler",)
"""Groups whose components say what is tuned with every optimizer."""
CHECKED = ("model", "scheduler", "optimizer", "trainer", "attention")
"""Groups whose components say what the check of the baseline tries."""

Composes = Callable[[Sequence[str]], bool]
"""Whether a point is a run that can be trained, as far as composing tells."""


@dataclass(frozen=True, kw_only=True)
class ComposedContestant:
    """An entry of the question with the method that it is of, and the length of its runs."""

    contestant: Contestant
    method: Method
    horizon: int

    @property
    def named(self) -> tuple[str, ...]:
        """What the folders of its runs are named by, beside what a trial gives."""
        return (*self.method.named, f"{HORIZON}={self.horizon}")


def contestants_of(composed: Sequence[Composed], *, keys: frozenset[str]) -> list[ComposedContestant]:
    """Every method at every horizon.

    Raises:
        UserError: seeds or lengths are swept, or a method has nothing to tune.
    """
    methods = methods_of(composed, keys=keys)
    horizons = horizons_of(composed[0].config)
    return [
        contestant_of(
            method,
            name=method.name if len(horizons) == 1 else f"{method.name} at {horizon} steps",
            of=method.name,
            field=str(horizon),
            horizon=horizon,
            cost_in_runs=horizon / max(horizons),
        )
        for method in methods
        for horizon in horizons
    ]


def horizons_of(config: Config) -> list[int]:
    """The lengths that all methods are run at, the shortest first; UserError for one given twice."""
    horizons = config["search"]["horizons"] or [config["trainer"]["max_steps"]]
    if len(set(horizons)) < len(horizons):
        raise UserError(f"search.horizons={typed(horizons)} gives a length twice")
    return sorted(horizons)


def methods_of(composed: Sequence[Composed], *, keys: frozenset[str]) -> list[Method]:
    """The methods of a question, each with what is tuned of it.

    Raises:
        UserError: seeds or lengths are swept, the metric is not one of validation, or a method has nothing
            to tune.
    """
    option = composed[0].hydra.runtime.choices.search
    for key, instead in ((SEED, "it takes seeds of its own"), (HORIZON, "search.horizons lists lengths")):
        if key in keys:
            raise UserError(f"{key} cannot have several values with search={option}: {instead}")
    first = composed[0].config
    if not first["optimized_metric"].startswith(CHOOSING):
        raise UserError(
            f"optimized_metric={first['optimized_metric']} cannot choose settings: search={option} chooses on"
            f" validation ({CHOOSING}...), and reports on test"
        )
    if first[SEED] > LARGEST_SEED:
        raise UserError(f"seed={first[SEED]} is too large for search={option}: {LARGEST_SEED} is the largest")
    methods = [_with_shared_space(make_method(each, keys=keys, may_be_empty=True)) for each in composed]
    for method in methods:
        if not method.space:
            raise UserError(
                f"search={option}: {method.name} has nothing to tune: all that it says is given a value"
            )
    return methods


def contestant_of(
    method: Method, *, name: str, of: str, field: str, horizon: int, cost_in_runs: float
) -> ComposedContestant:
    """A method at a length as the entry `name` of the method `of`, compared with those of its field."""
    contestant = Contestant(
        name=name,
        method=of,
        field=field,
        space=TuningSpace(space=method.space, limits=_limits(method)),
        cost_in_runs=cost_in_runs,
        steps=horizon,
    )
    return ComposedContestant(contestant=contestant, method=method, horizon=horizon)


def within_what_composes(asked: ComposedContestant, composes: Composes) -> ComposedContestant:
    """The contestant, its ranges left no further than runs can be composed.

    Where a run at the limit of a setting is refused, as a warmup that leaves no step for the rest of a
    schedule, the end of the range is the limit.
    """
    space, limits = asked.contestant.space.space, dict(asked.contestant.space.limits)
    for path, dimension in space.items():
        if isinstance(dimension, Choices):
            continue
        low, high = limits[path]
        if (
            high > dimension.high
            and math.isfinite(high)
            and not composes((*fixed_point(asked), f"{path}={high!r}"))
        ):
            limits[path] = (low, dimension.high)
    narrowed = replace(asked.contestant, space=TuningSpace(space=space, limits=limits))
    return replace(asked, contestant=narrowed)


def question_of(entries: Sequence[ComposedContestant], composes: Composes) -> Question:
    """The question that entries and the settings of the search make; UserError for an unknown baseline."""
    config = entries[0].method.composed.config
    settings = config["search"]
    baseline = _baseline(entries, settings["baseline"])
    return Question(
        contestants=tuple(each.contestant for each in entries),
        baseline=baseline.contestant.name if settings["check"] else None,
        variants=tuple(
            each
            for each in variants_of(baseline.method)
            if composes((*fixed_point(baseline), *(f"{path}={value}" for path, value in each.values)))
        ),
        rate=RATE if RATE in baseline.method.space else None,
        detect=float(settings["detect"]),
        seed=config[SEED],
        points_seed=settings["seed"],
        places="sizes and lengths" if is_ladder(settings) else "lengths",
    )


def fixed_point(asked: ComposedContestant) -> Point:
    """What all runs of an entry are given: what was typed, at its length."""
    config = asked.method.composed.config
    point = [override for override in asked.method.point if key_of(override) not in (SEED, HORIZON)]
    point.append(f"{HORIZON}={asked.horizon}")
    if config["trainer"]["val_check_interval"] > asked.horizon:
        point = [override for override in point if key_of(override) != VALIDATED]
        point.append(f"{VALIDATED}={asked.horizon}")
    return tuple(point)


def variants_of(method: Method) -> list[Variant]:
    """What the check tries: settings with values that often train better, but for those that are tuned.

    The components name the values (`Setting.also_try`); the likeliest of each setting come first.
    """
    config = method.composed.config
    found = []
    for group in CHECKED:
        if group == "attention" and not has_attention(config["model"]):
            continue
        for name, argument in described_arguments((group,), config[group]).items():
            path = f"{group}.{name}"
            if name not in config[group] or path in method.space:
                continue
            others = [value for value in argument.setting.also_try if value != config[group][name]]
            found += [(rank, f"{path}={typed(value)}") for rank, value in enumerate(others)]
    ranked = [override.partition("=") for _, override in sorted(found, key=lambda each: each[0])]
    return [Variant(name=f"{path}={value}", values=((path, value),)) for path, _, value in ranked]


def _baseline(entries: Sequence[ComposedContestant], named: str | None) -> ComposedContestant:
    """The longest entry of the method named; by itself of AdamW, or of the first."""
    longest = max(each.horizon for each in entries)
    candidates = [each for each in entries if each.horizon == longest]
    if named is None:
        usual = [
            each
            for each in candidates
            if each.method.composed.hydra.runtime.choices.optimizer == USUAL_BASELINE
        ]
        return (usual or candidates)[0]
    found = [each for each in candidates if named in _names(each.method)]
    if len(found) > 1:
        names = " and ".join(each.method.name for each in found)
        raise UserError(f"search.baseline={named} names several methods: give {names} in full")
    if not found:
        known = [name for each in candidates for name in _names(each.method)]
        raise UserError(f"search.baseline={named} is not one of the methods: {did_you_mean(named, known)}")
    return found[0]


def _names(method: Method) -> list[str]:
    """What a method may be called: by its whole name, or by the value of one of its overrides."""
    return [method.name, *(override.partition("=")[2] for override in method.named)]


def _with_shared_space(method: Method) -> Method:
    """The method with what is tuned beside its optimizer, unless it is given a value."""
    given = {key_of(override).lstrip("+~") for override in method.point}
    space: Space = dict(method.space)
    for group in BESIDE_OPTIMIZER:
        for name, argument in described_arguments((group,), method.composed.config[group]).items():
            path, search = f"{group}.{name}", argument.setting.search
            if search is not None and path not in given and path not in space:
                space[path] = SearchRange(low=search[0], high=search[1], log=True)
    if method.composed.config["search"]["momentum"]:
        momenta = _momenta(("optimizer",), method.composed.config["optimizer"])
        path, choices = next(momenta, ("", None))
        if choices is not None and path not in given and path not in space:
            space[path] = choices
    return replace(method, space=space)


def _momenta(place: Place, settings: Config) -> Iterator[tuple[str, Choices]]:
    """The momenta of an optimizer and of those inside it, in their order: each with its own value first."""
    arguments = described_arguments(place, settings)
    for name, argument in arguments.items():
        if argument.setting.momenta and name in settings:
            values = dict.fromkeys(typed(value) for value in (settings[name], *argument.setting.momenta))
            yield ".".join((*place, name)), Choices(values=tuple(values))
    for name, argument in arguments.items():
        if argument.is_component and isinstance(settings.get(name), dict):
            yield from _momenta((*place, name), settings[name])


def _limits(method: Method) -> dict[str, tuple[float, float]]:
    """How far the ranges of a method may be left: what its components allow."""
    found = {}
    for path, dimension in method.space.items():
        group, _, name = path.rpartition(".")
        if isinstance(dimension, Choices):
            continue
        place = tuple(group.split("."))
        argument = described_arguments(place, _group(method.composed.config, place)).get(name)
        allowed = argument.setting.allowed if argument is not None else None
        low, high = (allowed.low, allowed.high) if isinstance(allowed, Range) else (0.0, math.inf)
        high = math.inf if high >= LARGEST_COUNT else high  # no search comes near
        below = argument.setting.search_below if argument is not None else None
        if isinstance(allowed, Range) and not allowed.holds_high:
            high = min(high, math.nextafter(high, -math.inf))
        found[path] = (float(low), float(high if below is None else below))
    return found


def _group(config: Config, place: Sequence[str]) -> Any:
    node: Any = config
    for key in place:
        node = node.get(key, {}) if isinstance(node, dict) else {}
    return node
