"""From the groups `model` and `attention` to a model."""

from collections.abc import Mapping
from typing import Any

from hydra.utils import instantiate
from torch import nn

from tuneformer.config.whitelist import whitelisted

Settings = dict[str, Any]


def build_model(model: Settings, attention: Settings, *, needs: Mapping[str, Any]) -> nn.Module:
    """The model with fresh weights from torch's generator, its attention module in every layer.

    Args:
        model: the group `model`, plain values.
        attention: the group `attention`, plain values.
        needs: what the data asks of a model once it is prepared, as `vocab_size`; the model takes
            those that it has a setting for.
    """
    settings = {key: value for key, value in model.items() if key != "tasks"}
    settings |= {key: value for key, value in needs.items() if key in settings}
    with whitelisted():
        build = instantiate(settings, _partial_=True, _convert_="all")
        return build(attention=instantiate(attention, _convert_="all"))
