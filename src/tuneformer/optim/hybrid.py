"""One optimizer that trains hidden matrices by one method and everything else by another."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from tuneformer.config.ranges import Number
from tuneformer.errors import UserError
from tuneformer.optim.param_groups import parts_of
from tuneformer.optim.state import PART

Groups = list[dict[str, Any]]
NOT_SETTINGS = ("params", "param_names")


class Hybrid(Optimizer):
    """Groups with `hidden_matrices` are stepped by `matrices`, the others by `others`.

    `lr` is the rate of the hidden matrices; the others train at lr * others_lr_ratio. Both times the
    group's own multiplier. A weight with `row_parts` is several matrices to `matrices`, each a view of
    its rows. Groups, state and checkpoint are those of one ordinary optimizer: the two inside borrow
    them for the length of a step.
    """

    def __init__(
        self,
        params: Sequence[dict[str, Any]],
        *,
        lr: Number,
        weight_decay: Number,
        others_lr_ratio: Number,
        matrices: "partial[Optimizer]",
        others: "partial[Optimizer]",
    ) -> None:
        """Build both over the groups `params` (`tuneformer.optim.param_groups.Group.settings`).

        Raises:
            UserError: no group holds hidden matrices, one holds something else, or rows do not divide.
        """
        super().__init__(list(params), {"lr": lr, "weight_decay": weight_decay})
        hidden = [group for group in self.param_groups if group["hidden_matrices"]]
        rest = [group for group in self.param_groups if not group["hidden_matrices"]]
        if not hidden:
            raise UserError(
                "optimizer.matrices trains hidden matrices, and no rule of param_groups with"
                " hidden_matrices: true holds any that trains: choose param_groups=default"
            )
        for group in rest:
            group["lr"] *= others_lr_ratio
        self._lent: list[_Lent] = []
        for groups, factory in ((hidden, matrices), (rest, others)):
            if groups:
                build = partial(factory, lr=lr, weight_decay=weight_decay)
                self._lent.append(_Lent(groups, build, split=groups is hidden))
        for lent in self._lent:
            lent.take_back(self)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One step of both; `closure` is called once, before."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for lent in self._lent:
            lent.lend(self)
            lent.optimizer.step()
            lent.take_back(self)
        return loss

    @property
    def inner(self) -> list[Optimizer]:
        """The optimizers inside."""
        return [lent.optimizer for lent in self._lent]

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for lent, groups in zip(self.__dict__.get("_lent", ()), self._groups_of_each(), strict=False):
            lent.groups = groups

    def _groups_of_each(self) -> Iterator[Groups]:
        for hidden in (True, False):
            groups = [group for group in self.param_groups if group["hidden_matrices"] is hidden]
            if groups:
                yield groups


class _Lent:
    """An optimizer inside: it steps on parameters, settings and state that belong to the one outside."""

    def __init__(self, groups: Groups, build: Callable[[Groups], Optimizer], *, split: bool) -> None:
        self.groups = groups
        self.parts: dict[nn.Parameter, list[nn.Parameter]] = {}
        for group in groups:
            names = group.get("param_names", [f"of group {group['name']}"] * len(group["params"]))
            for index, (name, parameter) in enumerate(zip(names, group["params"], strict=True)):
                rows = parts_of(group, index)
                self.parts[parameter] = _parts(parameter, rows, name) if split else [parameter]
        self.optimizer = build(
            [
                {key: value for key, value in group.items() if key not in NOT_SETTINGS}
                | {"params": [part for parameter in group["params"] for part in self.parts[parameter]]}
                for group in groups
            ]
        )

    def lend(self, owner: Optimizer) -> None:
        """Hands settings, state and gradients to the optimizer inside."""
        for mine, inside in zip(self.groups, self.optimizer.param_groups, strict=True):
            inside |= {key: value for key, value in mine.items() if key not in NOT_SETTINGS}
        self.optimizer.state.clear()
        for parameter, parts in self.parts.items():
            state = owner.state.get(parameter)
            if parts[0] is not parameter:
                _refresh(parts, parameter)
                for index, part in enumerate(parts):
                    if state and f"{PART}{index}" in state:
                        self.optimizer.state[part] = state[f"{PART}{index}"]
            elif state:
                self.optimizer.state[parameter] = state

    def take_back(self, owner: Optimizer) -> None:
        """Takes what the step has changed."""
        for mine, inside in zip(self.groups, self.optimizer.param_groups, strict=True):
            mine |= {key: value for key, value in inside.items() if key not in NOT_SETTINGS}
        for parameter, parts in self.parts.items():
            states = [self.optimizer.state[part] for part in parts if part in self.optimizer.state]
            if states and parts[0] is not parameter:
                owner.state[parameter] = {f"{PART}{index}": state for index, state in enumerate(states)}
            elif states:
                owner.state[parameter] = states[0]


def _parts(parameter: nn.Parameter, row_parts: Sequence[int], name: str) -> list[nn.Parameter]:
    if parameter.ndim != 2:
        raise UserError(
            f"{name} of shape {tuple(parameter.shape)} is no matrix: its rule in param_groups must not have"
            " hidden_matrices: true"
        )
    if len(row_parts) == 1:
        return [parameter]
    if parameter.shape[0] % sum(row_parts):
        raise UserError(
            f"{name} has {parameter.shape[0]} rows, which row_parts={list(row_parts)} of its rule in"
            " param_groups cannot divide"
        )
    unit = parameter.shape[0] // sum(row_parts)
    return [
        nn.Parameter(rows) for rows in parameter.detach().split([unit * part for part in row_parts], dim=0)
    ]


def _refresh(parts: Sequence[nn.Parameter], parameter: nn.Parameter) -> None:
    sizes = [part.shape[0] for part in parts]
    for part, rows in zip(parts, parameter.detach().split(sizes, dim=0), strict=True):
        part.data = rows  # the weight may have moved since
    gradient: Tensor | None = parameter.grad
    gradients = [None] * len(parts) if gradient is None else gradient.split(sizes, dim=0)
    for part, rows in zip(parts, gradients, strict=True):
        part.grad = rows
