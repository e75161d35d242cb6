"""How many numbers a model holds, counted before it is built, and whether this machine can hold them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from tuneformer.config.described import follows_from_data
from tuneformer.config.flat_settings import flat_settings
from tuneformer.config.plain import Settings
from tuneformer.errors import UserError, reason_of
from tuneformer.models.family import ModelFamily
from tuneformer.process.machine_memory import largest_two, room_here

Build = Callable[[Settings], nn.Module]

LAYERS = "n_layers"
WIDTH = "d_model"
NAMES = {"model.context_length": "data.context_length"}
"""What a model takes from another group, and where it is set."""
WEIGHTS = "the model's weights need"
BYTES_OF_A_NUMBER = 4
BYTES_OF_A_LAYER = 1 << 16
"""What the objects of a layer take, whatever its width."""
SMALL_BYTES = 1 << 30
MOST_LAYERS_BUILT = 1000
MATRICES_OF_A_LAYER = 32
"""More than any layer has of the size (largest setting x largest setting)."""


@dataclass(frozen=True, kw_only=True)
class ModelNumbers:
    """The numbers of a model, and those that training on one example adds at least.

    Attributes:
        held: those of parameters and buffers.
        trained: those of the parameters that train.
        stream: those between its layers, which the backward pass needs.
        outputs: those that it answers with.
    """

    held: int
    trained: int
    stream: int | float
    outputs: int | float

    @classmethod
    def of(cls, model: nn.Module, *, n_tokens: int | float) -> "ModelNumbers":
        """Count those of a model, of which the layers of one of the user's own say nothing."""
        return cls(
            held=sum(each.numel() for each in (*model.parameters(), *model.buffers())),
            trained=sum(each.numel() for each in model.parameters() if each.requires_grad),
            stream=model.stream_numbers(n_tokens) if isinstance(model, ModelFamily) else 0,
            outputs=model.output_numbers(n_tokens) if isinstance(model, ModelFamily) else 0,
        )

    def with_layers(self, two: "ModelNumbers", n_layers: int) -> "ModelNumbers":
        """Return those of a model of so many layers, where this one has one; layers are alike."""
        each = {name: number - vars(self)[name] for name, number in vars(two).items()}
        return ModelNumbers(**{name: one + each[name] * (n_layers - 1) for name, one in vars(self).items()})


@dataclass(frozen=True, kw_only=True)
class ModelPlan:
    """A model that is not built yet.

    Attributes:
        settings: what `build` is given; with other `n_layers` it makes a model of so many layers.
        attention: the settings of its attention module.
    """

    settings: Settings
    attention: Settings
    build: Build

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The settings that make a layer large, by name."""
        groups = {"attention": self.attention, "model": self.settings}
        settings = [
            each for group, of_group in groups.items() for each in flat_settings(of_group, f"{group}.")
        ]
        return {path: value for path, value in settings if _is_size(value) and path != f"model.{LAYERS}"}

    @property
    def n_layers(self) -> int:
        """Its layers; 1 where it has no such setting, or one that cannot be."""
        n_layers: Any = self.settings.get(LAYERS)
        return n_layers if _is_size(n_layers) else 1

    @property
    def to_lower(self) -> str:
        """The layers, the width or a longer list of vectors than they make: what a user can lower."""
        data = {f"model.{name}" for name in follows_from_data("model")}
        free = {name: size for name, size in self.sizes.items() if name not in data} or self.sizes
        width = f"model.{WIDTH}"
        rows_of_layers = self.n_layers * free.get(width, 0)
        named = {
            NAMES.get(name, name): size
            for name, size in free.items()
            if name == width or size > rows_of_layers
        }
        return largest_two(named | {f"model.{LAYERS}": self.n_layers})

    @property
    def is_small(self) -> bool:
        """Whether the settings alone tell that it needs little memory."""
        largest = max(self.sizes.values(), default=0)
        return largest**2 * self.n_layers * MATRICES_OF_A_LAYER * BYTES_OF_A_NUMBER < SMALL_BYTES

    def check_fits(self) -> None:
        """Raise UserError where its weights need more memory than this machine has available."""
        if self.is_small:
            return
        needed = self.numbers().held * BYTES_OF_A_NUMBER + self.n_layers * BYTES_OF_A_LAYER
        room_here().check_holds(WEIGHTS, needed, lower=self.to_lower)

    def numbers(
        self, *, n_tokens: int | float = 0, freeze: Callable[[nn.Module], None] | None = None
    ) -> ModelNumbers:
        """Count its numbers and those of an example of so many tokens; `freeze` is called with what is built.

        It is built on torch's meta device, where numbers take no memory, with one and with two layers. Where
        layers are frozen they are not alike: then all are built, unless they are too many; those are counted
        as if they trained.

        Raises:
            UserError: it is too large even for that.
        """
        self._check_width()
        layers = range(1, min(self.n_layers, 2) + 1) if LAYERS in self.settings else [None]
        try:
            with torch.random.fork_rng(devices=[]), torch.device("meta"):
                if freeze is not None and self.n_layers <= MOST_LAYERS_BUILT:
                    freeze(whole := self.build(self.settings))
                    return ModelNumbers.of(whole, n_tokens=n_tokens)
                one, *two = (ModelNumbers.of(self._with_layers(n), n_tokens=n_tokens) for n in layers)
        except (RuntimeError, OverflowError, MemoryError) as error:
            # a product beyond 64 bits
            largest = max(self.sizes, key=lambda name: self.sizes[name])
            raise UserError(f"{largest}={self.sizes[largest]} cannot be built: {reason_of(error)}") from error
        return one.with_layers(two[0], self.n_layers) if two else one

    def _with_layers(self, n_layers: int | None) -> nn.Module:
        return self.build(self.settings if n_layers is None else {**self.settings, LAYERS: n_layers})

    def _check_width(self) -> None:
        for name, size in self.sizes.items():
            if size >= 2**63:
                raise UserError(f"{name}={size:.3e} cannot be built: it is beyond all bounds")
        # a layer has one matrix of the width squared at least; to build what is so wide takes long even so
        least = self.sizes.get(f"model.{WIDTH}", 0) ** 2 * self.n_layers * BYTES_OF_A_NUMBER
        room_here().check_holds(WEIGHTS, least, lower=self.to_lower)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
