"""What a study compares: each method with its grid of learning rates."""

from dataclasses import dataclass

from tuneformer.errors import UserError


@dataclass(frozen=True, kw_only=True)
class TunedMethod:
    """An option of the config group `group`, tuned over `rates`; `overrides` is what else it needs.

    `setting` is what takes the rates: the learning rate, or for a method that finds it the factor of that.
    """

    option: str
    rates: tuple[float, ...]
    overrides: tuple[str, ...] = ()
    group: str = "optimizer"
    setting: str = "optimizer.lr"


def around(rate: float) -> tuple[float, ...]:
    """Five rates, each twice the one before, with `rate` in the middle."""
    return tuple(rate * 2.0**power for power in (-2, -1, 0, 1, 2))


def choose_methods(names: str | None, methods: tuple[TunedMethod, ...]) -> tuple[TunedMethod, ...]:
    """The methods of these names, separated by commas; all of them for None.

    Raises:
        UserError: the study has no such method.
    """
    if names is None:
        return methods
    known = {method.option: method for method in methods}
    for name in names.split(","):
        if name not in known:
            raise UserError(f"--only={names}: the study has no {name}; it has {', '.join(known)}")
    return tuple(known[name] for name in names.split(","))
