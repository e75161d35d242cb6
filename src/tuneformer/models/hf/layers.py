"""The layers of a network of transformers, and the linear ones inside them."""

from collections import Counter
from collections.abc import Callable, Mapping

from torch import nn

from tuneformer.models.hf.library import transformers
from tuneformer.models.hf.lora import BASE, base_of, name_of_rows, weight_of
from tuneformer.models.parts import LayerPart

FUSED = {"Wqkv": (1, 1, 1), "Wi": (1, 1)}
"""ModernBERT's matrices that are several, one below the other."""


def layer_parts_of(network: nn.Module, stack_of: Callable[[str], str]) -> list[LayerPart]:
    """Return the layers of a network in order: what the library computes again where memory is short."""
    parts, seen = [], Counter[str]()
    for name, listed in network.named_modules():
        for module in listed if isinstance(listed, nn.ModuleList) else ():
            if isinstance(module, transformers().modeling_layers.GradientCheckpointingLayer):
                stack = stack_of(name)
                parts.append(LayerPart(stack=stack, layer=seen[stack], module=module, down=last_down(module)))
                seen[stack] += 1
    return parts


def fused_rows(network: nn.Module, prefix: str) -> Mapping[str, tuple[int, ...]]:
    """Which further matrices are several, one below the other, and the proportions of their rows."""
    return {
        name_of_rows(name, module): FUSED[last]
        for name, module in network.named_modules(prefix=prefix)
        if (last := name.rpartition(".")[2]) in FUSED and isinstance(base_of(module), nn.Linear)
    }


def linear_layers(module: nn.Module) -> list[nn.Module]:
    """Return the linear layers inside, one with an adapter as a whole."""
    return [
        each
        for name, each in module.named_modules()
        if isinstance(base_of(each), nn.Linear) and not {"lora_A", "lora_B", BASE} & {*name.split(".")}
    ]


def last_down(layer: nn.Module) -> nn.Module | None:
    """The matrix behind the hidden units of a layer: its last, where that makes fewer numbers of more."""
    last = linear_layers(layer)[-1:]
    return next((each for each in last if weight_of(each).shape[0] < weight_of(each).shape[1]), None)


def down_of(layer: nn.Module) -> nn.Module | None:
    """The matrix that takes the hidden units of a feed-forward layer back to the stream."""
    for branch in (layer, *(getattr(layer, name, None) for name in ("mlp", "feed_forward", "ffn"))):
        found = (
            getattr(branch, name, None) for name in ("down_proj", "c_proj", "w2", "fc2", "dense_4h_to_h")
        )
        matrix = next(
            (each for each in found if each is not None and isinstance(base_of(each), nn.Linear)), None
        )
        if matrix is not None:
            return matrix
    return None
