"""The sizes of a ladder: which settings of the model make them, and what each of them counts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from tuneformer.errors import UserError
from tuneformer.runs.identity import NAME_OF_SIZES
from tuneformer.sweeps.ask.contestants import HORIZON, SEED
from tuneformer.sweeps.folders import make_job
from tuneformer.sweeps.job import Job
from tuneformer.sweeps.job_names import job_name
from tuneformer.sweeps.points import FOR_ALL_JOBS, OF_THE_SWEEP, key_of
from tuneformer.sweeps.search.method import ALONE, Method

if TYPE_CHECKING:
    from tuneformer.sweeps.preflight.examined import Examined

FEWEST = 3
EXAMPLE = "model.d_model=32,64,128"
TOKENS = "tokens"

Examine = Callable[[Sequence[Job]], "list[Examined | UserError]"]
"""What jobs would train, built on the meta device."""


@dataclass(frozen=True, kw_only=True)
class SizedMethod:
    """A method at one size.

    Attributes:
        method: with its settings of the size.
        of: the name of the method without them, which all its sizes share.
        size: those settings, as they were given; `axis` are their names.
        parameters: without those of embeddings and of the output matrix.
        all_parameters: with them.
        tokens_per_step: that a batch holds.
        flops_per_token: of training; where the model does not count them, 6 a parameter.
        seconds_per_step: None where nothing was timed.
    """

    method: Method
    of: str
    size: str
    axis: tuple[str, ...]
    parameters: int
    all_parameters: int
    tokens_per_step: int
    flops_per_token: float
    seconds_per_step: float | None


def sized_methods(
    methods: Sequence[Method], *, keys: frozenset[str], examine: Examine, folder: Path
) -> list[SizedMethod]:
    """The methods of a ladder at all its sizes, the smallest first.

    A size is what a setting of the model in whole numbers makes that is given several values, or model.size;
    where several are, they grow together, as lines of `search.grid`. Everything else that varies is a method.

    Raises:
        UserError: there are no three sizes, they differ in more than that, a method lacks one, or a model
            cannot be built or is not trained on text.
    """
    axis = size_keys(methods, keys=keys)
    by_method: dict[str, list[Method]] = {}
    for method in methods:
        by_method.setdefault(_name_without(method, axis), []).append(method)
    _check_alike(by_method, axis)
    found = examine([make_job(method.composed, folder / f"{method.name}:size") for method in methods])
    built = dict(zip([method.name for method in methods], found, strict=True))
    sized = [
        _sized(method, built[method.name], of=of, axis=axis)
        for of, sizes in by_method.items()
        for method in sizes
    ]
    for of in by_method:
        _check_grow([each for each in sized if each.of == of], axis)
    return sorted(sized, key=lambda each: each.parameters)


def given_beside_size(sized: SizedMethod) -> list[str]:
    """What its runs are given, whatever their size, length and seed."""
    beside = (*sized.axis, *OF_THE_SWEEP, SEED, HORIZON)
    return [
        override
        for override in sized.method.point
        if (key := key_of(override)) not in beside and not FOR_ALL_JOBS.match(key)
    ]


def size_keys(methods: Sequence[Method], *, keys: frozenset[str]) -> list[str]:
    """The settings that make the sizes; UserError where there is none."""
    given = {key: {_values(method).get(key, "") for method in methods} for key in keys}
    axis = sorted(
        key
        for key, values in given.items()
        if key == NAME_OF_SIZES or (key.startswith("model.") and all(value.isdecimal() for value in values))
    )
    if not axis:
        raise UserError(
            f"search=ladder needs sizes: give a setting of the model {FEWEST} values, as {EXAMPLE}"
        )
    return axis


def _values(method: Method) -> dict[str, str]:
    parts = (override.partition("=") for override in method.named)
    return {key: value for key, _, value in parts}


def _name_without(method: Method, axis: Iterable[str]) -> str:
    named = [override for override in method.named if key_of(override) not in axis]
    return job_name(named) if named else ALONE


def _size_of(method: Method, axis: Iterable[str]) -> str:
    values = _values(method)
    return ",".join(f"{key}={values[key]}" for key in axis)


def _check_alike(by_method: Mapping[str, Sequence[Method]], axis: Sequence[str]) -> None:
    """Raises UserError where a method has other sizes than another, or fewer than three."""
    sizes = {of: {_size_of(method, axis) for method in methods} for of, methods in by_method.items()}
    first = next(iter(sizes))
    for of, mine in sizes.items():
        if mine != sizes[first]:
            raise UserError(
                f"search=ladder: sizes differ in more than {' and '.join(axis)}: {of} and {first} do not have"
                " the same ones"
            )
    if len(sizes[first]) < FEWEST:
        raise UserError(
            f"search=ladder: {len(sizes[first])} sizes do not tell how the loss falls with parameters: give"
            f" {' and '.join(axis)} {FEWEST} values or more"
        )


def _sized(method: Method, built: "Examined | UserError", *, of: str, axis: Sequence[str]) -> SizedMethod:
    if isinstance(built, UserError):
        raise UserError(f"{built} (in the job {' '.join(method.point)})") from built
    if built.unit != TOKENS:
        raise UserError(
            f"search=ladder: laws are of tokens, and data={method.composed.hydra.runtime.choices.data} is"
            f" counted in {built.unit}: choose text"
        )
    return SizedMethod(
        method=method,
        of=of,
        size=_size_of(method, axis),
        axis=tuple(axis),
        parameters=built.beside_embeddings,
        all_parameters=built.parameters,
        tokens_per_step=built.units // method.composed.config["trainer"]["max_steps"],
        flops_per_token=built.flops_per_token or 6.0 * built.parameters,
        seconds_per_step=built.seconds_per_step,
    )


def _check_grow(sizes: Sequence[SizedMethod], axis: Sequence[str]) -> None:
    """Raises UserError unless every setting that makes sizes grows with them."""
    ordered = sorted(sizes, key=lambda each: each.parameters)
    for smaller, larger in pairwise(ordered):
        if smaller.parameters == larger.parameters:
            raise UserError(
                f"search=ladder: {smaller.size} and {larger.size} have the same number of parameters"
                f" without embeddings, {larger.parameters:,}"
            )
        before, after = _values(smaller.method), _values(larger.method)
        if any(before[key].isdecimal() and int(after[key]) < int(before[key]) for key in axis):
            raise UserError(
                f"search=ladder: sizes differ in more than one way, as {smaller.size} and {larger.size} do:"
                " let one setting vary, or let several grow together (search.grid)"
            )
