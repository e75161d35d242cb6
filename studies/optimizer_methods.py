"""What the study of optimizers compares: each method with its grid of learning rates."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tuneformer.config.options import is_variant, load_option
from tuneformer.config.own_spaces import own_spaces
from tuneformer.errors import UserError
from tuneformer.optim.facts import facts_in


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


@cache
def optimizer_methods(conf: Path) -> tuple[TunedMethod, ...]:
    """Every option of conf/optimizer that says where a search of its rate looks; not those made of another.

    The grid lies in the middle of that range. Where the best rate is on its edge, the study extends it.
    """
    spaces = own_spaces([conf])
    return tuple(
        _method(option, spaces[option]["optimizer"], conf)
        for option in spaces
        if not is_variant("optimizer", option, [conf])
    )


def _method(option: str, space: Mapping[str, Any], conf: Path) -> TunedMethod:
    rate = "lr" if "lr" in space else next(iter(space))
    middle = math.sqrt(space[rate]["low"] * space[rate]["high"])
    facts = facts_in({"optimizer": load_option("optimizer", option, [conf])})
    return TunedMethod(
        option=option,
        rates=around(float(f"{middle:.1g}")),
        setting=f"optimizer.{rate}",
        overrides=("scheduler=warmup",) if facts.averages_weights else (),
    )


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
