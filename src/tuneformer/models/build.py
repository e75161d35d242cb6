"""From the groups `model` and `attention` to a model."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import nn

from tuneformer.config.arguments import check_arguments
from tuneformer.config.building import bound
from tuneformer.config.registry import TARGET
from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.settings import settings_class
from tuneformer.models.memory_needed import check_memory
from tuneformer.models.settings import attention_settings

Settings = dict[str, Any]


def build_model(model: Settings, attention: Settings, *, needs: Mapping[str, Any]) -> nn.Module:
    """The model with fresh weights from torch's generator, its attention module in every layer.

    Args:
        model: the group `model`, plain values.
        attention: the group `attention`, plain values.
        needs: what the data asks of a model once it is prepared, as `vocab_size`; the model takes
            those that it has a setting for.

    Raises:
        UserError: a setting is missing, of another type or not one of the model's, or this machine cannot
            hold the model.
    """
    settings = {key: value for key, value in model.items() if key != "tasks"}
    settings |= {key: value for key, value in needs.items() if key in settings}
    family = bound(settings, ("model",), kind=nn.Module)
    check_arguments(family, group="model", later=("attention",))
    in_a_layer = bound(attention, ("attention",), kind=AttentionBase)
    described = settings_class(attention[TARGET])
    if described is None:
        check_arguments(in_a_layer, group="attention", later=("layer",))
    else:
        in_a_layer = partial(in_a_layer.func, settings=attention_settings(attention, described))

    def built(changed: Mapping[str, Any]) -> nn.Module:
        return family.func(**changed, attention=in_a_layer)

    check_memory(family.keywords, attention, built)
    return built(family.keywords)
