"""What a study compares: each method with its grid of learning rates."""

from dataclasses import dataclass

from tuneformer.errors import UserError


@dataclass(frozen=True, kw_only=True)
class TunedMethod:
    """An option of the config group `group`, tuned over learning rates; `overrides` is what else it needs."""

    option: str
    rates: tuple[float, ...]
    overrides: tuple[str, ...] = ()
    group: str = "optimizer"


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
