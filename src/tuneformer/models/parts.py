"""The parts of a model that training is watched by: its layers, and what stands before and behind them."""

from typing import cast

from torch import nn

from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.block import Block


def parameters_by_part(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Every parameter once, by part: "embedding", the layers as "decoder.0" or "encoder.1", and the rest.

    A layer of a Transformer is named by its stack and its number, as the site of its attention module is;
    all lookup tables are "embedding"; anything else goes by the name of the model's own module that holds
    it, as "norm", "output" or "lstm", or by its own name.
    """
    owners = {
        f"{prefix}.{name}" if prefix else name: (prefix, module)
        for prefix, module in model.named_modules()
        for name, _ in module.named_parameters(recurse=False)
    }
    blocks = {prefix: block for prefix, block in model.named_modules() if isinstance(block, Block)}
    parts: dict[str, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        prefix, owner = owners[name]
        parts.setdefault(_part(name, prefix, owner, blocks), []).append(parameter)
    return parts


def site_of(block: Block) -> AttentionSite:
    """The place of a layer in its model: that of its attention module."""
    return cast(AttentionBase, block.attention).layer.site


def _part(name: str, prefix: str, owner: nn.Module, blocks: dict[str, Block]) -> str:
    for place, block in blocks.items():
        if prefix == place or prefix.startswith(f"{place}."):
            return f"{site_of(block).stack}.{site_of(block).layer}"
    return "embedding" if isinstance(owner, nn.Embedding) else name.split(".")[0]
