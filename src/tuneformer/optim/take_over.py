"""An optimizer that begins with the state of another run's."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from torch.optim import Optimizer

from tuneformer.errors import UserError
from tuneformer.optim.state import check_state_fits

ALWAYS_OWN = frozenset({"lr", "weight_decay", "weight_decay_end"})


def take_over(optimizer: Optimizer, kept: dict[str, Any], settings: Mapping[str, Any]) -> None:
    """Give a new optimizer the state `kept` (its state_dict) of one of the same kind.

    Moments, step counts and what a group counts come from `kept`; what `settings`, those of conf/optimizer,
    say (lr, betas, ...) stays as it is, and a schedule begins anew.

    Raises:
        UserError: its parameter groups are others, or it is damaged.
    """
    try:
        _take_over(optimizer, kept, settings)
    except UserError:
        raise
    except Exception as error:  # a damaged state raises whatever an optimizer meets in it
        raise UserError(f"init_optimizer=kept: that state does not fit this optimizer ({error})") from error


def _take_over(optimizer: Optimizer, kept: dict[str, Any], settings: Mapping[str, Any]) -> None:
    mine = optimizer.state_dict()
    here, there = (
        [(group.get("name"), len(group["params"])) for group in of["param_groups"]] for of in (mine, kept)
    )
    if here != there:
        raise UserError("init_optimizer=kept needs the parameter groups of that run: choose its param_groups")
    own = {*_names(settings), *ALWAYS_OWN}
    groups = [
        {key: value for key, value in theirs.items() if not key.startswith("initial_")}
        | {key: value for key, value in group.items() if key in own or key not in theirs}
        for group, theirs in zip(mine["param_groups"], kept["param_groups"], strict=True)
    ]
    optimizer.load_state_dict({**mine, "state": kept["state"], "param_groups": groups})
    check_state_fits(optimizer)


def _names(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        yield name
        inside = value.keywords if isinstance(value, partial) else value
        if isinstance(inside, Mapping):
            yield from _names(inside)
