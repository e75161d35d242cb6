"""The parts of a model that training is watched by: its layers, and what stands before and behind them."""

from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import Protocol, cast, runtime_checkable

from torch import nn

from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.attention.products import WATCHER, WatchedProducts
from tuneformer.models.block import Block
from tuneformer.models.feed_forward import FeedForward


@dataclass(frozen=True, kw_only=True)
class LayerPart:
    """One layer of a model: it takes the residual stream and gives it, alone or first in a tuple.

    Attributes:
        stack: "decoder" or "encoder".
        layer: its number there, from 0.
        module: the layer.
        down: the matrix behind the hidden units of its feed-forward layer; None: it is not known.
    """

    stack: str
    layer: int
    module: nn.Module
    down: nn.Module | None = None


@runtime_checkable
class HasLayerParts(Protocol):
    """A model of other blocks than ours that says which its layers are."""

    def layer_parts(self) -> list[LayerPart]:
        """Return them, stack by stack, in order."""
        ...


@dataclass(frozen=True, kw_only=True)
class AttentionPart:
    """An attention module of a model of the user's own, which calls F.scaled_dot_product_attention.

    Attributes:
        stack: "decoder" or "encoder".
        layer: its number there, from 0.
        module: the one that calls it.
        output: the matrix in which its heads come together; its inputs are the heads, one behind the other.
        head_dim: the inputs of one head.
    """

    stack: str
    layer: int
    module: nn.Module
    output: nn.Linear
    head_dim: int


@runtime_checkable
class HasAttentionParts(Protocol):
    """A model of other attention modules than ours that says which they are."""

    def attention_parts(self) -> list[AttentionPart]:
        """Return them, stack by stack, in order."""
        ...


def watch_parts(model: nn.Module, build: Callable[[], nn.Module]) -> None:
    """Let the attention modules be seen that a model says it has, beside those of one that `build` draws."""
    if not isinstance(model, HasAttentionParts):
        return
    for part in model.attention_parts():
        site = AttentionSite(part.stack, part.layer)
        part.module.add_module(WATCHER, WatchedProducts(site, part.module, part.output, part.head_dim))

    def initialize(self: nn.Module) -> None:
        self.load_state_dict(build().state_dict())

    if not hasattr(model, "initialize"):
        vars(model)["initialize"] = MethodType(initialize, model)  # of a copy it is the copy's


def layers_of(model: nn.Module) -> list[LayerPart]:
    """The layers of a model; none of one that does not say which they are."""
    if isinstance(model, HasLayerParts):
        return model.layer_parts()
    blocks = [module for module in model.modules() if isinstance(module, Block)]
    return [
        LayerPart(
            stack=site_of(block).stack,
            layer=site_of(block).layer,
            module=block,
            down=cast(FeedForward, block.feed_forward).down,
        )
        for block in blocks
    ]


def parameters_by_part(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Every parameter once, by part: "embedding", the layers as "decoder.0" or "encoder.1", and the rest.

    A layer of a Transformer is named by its stack and its number, as the site of its attention module is;
    all lookup tables are "embedding"; anything else goes by the name of the model's own module that holds
    it, as "norm", "output" or "lstm", or by its own name; where others' models are wrapped, by the module
    next to it.
    """
    owners = {
        f"{prefix}.{name}" if prefix else name: (prefix, module)
        for prefix, module in model.named_modules()
        for name, _ in module.named_parameters(recurse=False)
    }
    layers = {id(part.module): part for part in layers_of(model)}
    blocks = {prefix: layers[id(module)] for prefix, module in model.named_modules() if id(module) in layers}
    wrapped = isinstance(model, HasLayerParts)
    parts: dict[str, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        prefix, owner = owners[name]
        rest = prefix.rpartition(".")[2] if wrapped else name.split(".")[0]
        parts.setdefault(_part(prefix, owner, blocks) or rest, []).append(parameter)
    return parts


def site_of(block: Block) -> AttentionSite:
    """The place of a layer in its model: that of its attention module."""
    return cast(AttentionBase, block.attention).layer.site


def _part(prefix: str, owner: nn.Module, layers: dict[str, LayerPart]) -> str | None:
    for place, part in layers.items():
        if prefix == place or prefix.startswith(f"{place}."):
            return f"{part.stack}.{part.layer}"
    return "embedding" if isinstance(owner, nn.Embedding) else None
