"""An optimizer around another one."""

from typing import Any

from torch.optim import Optimizer


def innermost(optimizer: Optimizer) -> Optimizer:
    """The optimizer inside all that is wrapped around it."""
    while isinstance(optimizer, Wrapped):
        optimizer = optimizer.base
    return optimizer


class Wrapped(Optimizer):
    """Steps `base` in its own way; groups, state and checkpoint are those of `base`.

    So schedules, clipping, logs and resuming see one optimizer, whatever lies around it.
    """

    base: Optimizer

    def __init__(self, base: Optimizer) -> None:
        self.base = base
        self.__setstate__({})  # torch's hooks, without groups of its own

    @property
    def param_groups(self) -> list[dict[str, Any]]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The groups of `base`."""
        return self.base.param_groups

    @property
    def state(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The state of `base`."""
        return self.base.state

    @property
    def defaults(self) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The defaults of `base`."""
        return self.base.defaults

    def state_dict(self) -> dict[str, Any]:
        return self.base.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.base.load_state_dict(state_dict)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        self.base.add_param_group(param_group)
