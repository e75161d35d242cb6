"""Fine-tuning by rule: what of a model is frozen, and how far each parameter is from its input."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import nn

from tuneformer.config.ranges import ABOVE_ZERO_TO_ONE, AT_LEAST_ZERO, Number
from tuneformer.errors import UserError
from tuneformer.models.parts import layers_of, parameters_by_part

INPUT = r"embed|class_token|cls_token"
"""What stands before the first layer is called so, where it is no lookup table."""
INPUT_PART, OUTPUT_PART = "input", "output"
OUTPUT = "output.weight"
SHOWN = 12


@runtime_checkable
class NamesForRules(Protocol):
    """A model whose parameters have names of somebody else's."""

    def rule_names(self) -> Mapping[str, str]:
        """Parameter -> a name that a model of ours would give it: rules match it by either."""
        ...

    def row_parts(self) -> Mapping[str, tuple[int, ...]]:
        """Weights that are several matrices, one below the other -> the proportions of their rows."""
        ...


@dataclass(frozen=True, kw_only=True)
class Depths:
    """Where the parameters of a model stand: 0 before its layers, l in layer l of L, L + 1 behind them.

    Layers count from 1 here; those of an encoder stand before those of its decoder.

    Attributes:
        parts: what stands at each depth, as "input", "decoder.0" and "output".
        of: the depth of each parameter, by name.
    """

    parts: list[str]
    of: dict[str, int]

    @property
    def n_layers(self) -> int:
        """L."""
        return len(self.parts) - 2

    def rate(self, depth: int, *, decay: Number) -> float:
        """Return decay^(L + 1 - depth), what multiplies the rate there (2003.10555; 2106.08254)."""
        return float(decay) ** (self.n_layers + 1 - depth)


def known_names(model: nn.Module) -> Mapping[str, str]:
    """The names that a model of ours would have for parameters, where the model says so."""
    return model.rule_names() if isinstance(model, NamesForRules) else {}


def depths_of(model: nn.Module, *, asked: str) -> Depths:
    """The depth of every parameter; a table that is the output matrix too is of the input.

    Raises:
        UserError: the model does not say which its layers are; `asked` is what needs them.
    """
    layers = sorted(layers_of(model), key=lambda part: part.stack != "encoder")
    if not layers:
        raise UserError(
            f"{asked} needs layers, and {type(model).__name__} does not say which are its own:"
            " param_groups.freeze names parameters, and param_groups.rules give them rates"
        )
    inside: dict[int, int] = {}
    for depth, part in enumerate(layers, start=1):
        for parameter in part.module.parameters():
            inside.setdefault(id(parameter), depth)
    tables = {id(each.weight) for each in model.modules() if isinstance(each, nn.Embedding)}
    known, behind = known_names(model), len(layers) + 1
    of = {}
    for name, parameter in model.named_parameters():
        is_input = re.search(INPUT, name) is not None and known.get(name) != OUTPUT
        outside = 0 if id(parameter) in tables or is_input else behind
        of[name] = inside.get(id(parameter), outside)
    parts = [INPUT_PART, *(f"{part.stack}.{part.layer}" for part in layers), OUTPUT_PART]
    return Depths(parts=parts, of=of)


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """What trains, and how fast beside the rest.

    Attributes:
        freeze: patterns of the names of parameters that do not train.
        freeze_layers: so many of the first layers do not train, nor what stands before them.
        layer_decay: d, where the rate at depth l of L + 1 is multiplied by d^(L + 1 - l).
    """

    freeze: Sequence[str] | None
    freeze_layers: int | None
    layer_decay: Number | None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UserError: a pattern is no regular expression, or a number is out of its range.
        """
        for index, pattern in enumerate(self.freeze or ()):
            try:
                re.compile(pattern)
            except re.error as error:
                raise UserError(
                    f"param_groups.freeze[{index}]={pattern} is no regular expression: {error}"
                ) from error
        if self.freeze_layers is not None:
            AT_LEAST_ZERO.check("param_groups.freeze_layers", self.freeze_layers)
        if self.layer_decay is not None:
            ABOVE_ZERO_TO_ONE.check("param_groups.layer_decay", self.layer_decay)

    @property
    def freezes(self) -> bool:
        """Whether anything is frozen."""
        return self.freeze is not None or self.freeze_layers is not None

    def freeze_in(self, model: nn.Module) -> None:
        """Keep what is frozen from having a gradient, and so from training.

        Raises:
            UserError: a pattern finds nothing, there are fewer layers, or nothing is left to train.
        """
        if not self.freezes:
            return
        frozen = self._found(model) | self._first_layers(model)
        for name, parameter in model.named_parameters():
            if name in frozen:
                parameter.requires_grad_(False)
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise UserError(
                f"{self._told} freezes the whole model, and nothing is left to train: its parts are"
                f" {_listed(list(parameters_by_part(model)))}"
            )

    @property
    def _told(self) -> str:
        patterns = [f"param_groups.freeze=[{','.join(self.freeze)}]"] if self.freeze else []
        layers = [f"param_groups.freeze_layers={self.freeze_layers}"] * (self.freeze_layers is not None)
        return " with ".join(patterns + layers)

    def _found(self, model: nn.Module) -> set[str]:
        names, known = [name for name, _ in model.named_parameters()], known_names(model)
        found: set[str] = set()
        for index, pattern in enumerate(self.freeze or ()):
            these = {
                name
                for name in names
                if re.search(pattern, name) or re.search(pattern, known.get(name, name))
            }
            if not these:
                alike = dict.fromkeys(re.sub(r"\.\d+\.", ".*.", name) for name in names)
                raise UserError(
                    f"param_groups.freeze[{index}]={pattern} is found in no parameter: there are"
                    f" {_listed(list(alike))}"
                )
            found |= these
        return found

    def _first_layers(self, model: nn.Module) -> set[str]:
        if self.freeze_layers is None:
            return set()
        asked = f"param_groups.freeze_layers={self.freeze_layers}"
        depths = depths_of(model, asked=asked)
        if self.freeze_layers > depths.n_layers:
            raise UserError(f"{asked} is more than the {depths.n_layers} layers of the model")
        return {name for name, depth in depths.of.items() if depth <= self.freeze_layers}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
