"""From the groups `model` and `attention` to a model."""

from typing import Any

from hydra.utils import instantiate
from torch import nn

from tuneformer.config.whitelist import whitelisted

Settings = dict[str, Any]


def build_model(model: Settings, attention: Settings, *, vocab_size: int) -> nn.Module:
    """The model with fresh weights from torch's generator, its attention module in every layer.

    Args:
        model: the group `model`, plain values.
        attention: the group `attention`, plain values.
        vocab_size: tokens, as the tokenizer has them once the data is prepared.
    """
    with whitelisted():
        build = instantiate(model, _partial_=True, _convert_="all")
        return build(vocab_size=vocab_size, attention=instantiate(attention, _convert_="all"))
