"""From the groups `model` and `attention` to a model."""

from collections.abc import Mapping
from functools import partial
from inspect import signature
from typing import Any

from torch import nn

from tuneformer.config.arguments import check_arguments
from tuneformer.config.building import bound
from tuneformer.config.plain import Settings
from tuneformer.config.registry import TARGET
from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.memory_needed import ModelPlan
from tuneformer.models.own_answers import built_and_tried
from tuneformer.models.own_module import is_own_module, own_arguments
from tuneformer.models.parts import watch_parts
from tuneformer.models.settings_object import settings_object


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
    plan = plan_model(model, attention, needs=needs)
    plan.check_fits()
    return plan.build(plan.settings)


def plan_model(model: Settings, attention: Settings, *, needs: Mapping[str, Any]) -> ModelPlan:
    """What `build_model` builds.

    Raises:
        UserError: as `build_model`, for what is told without building anything.
    """
    settings = {**model, **{key: value for key, value in needs.items() if key in model}}
    vocab_size, context_length = settings.get("vocab_size") or 1, settings.get("context_length")
    if own := is_own_module(model):
        settings = {TARGET: model[TARGET], **own_arguments(settings)}
    family = bound(settings, ("model",), kind=nn.Module)
    given = {"attention": _in_a_layer(attention)} if "attention" in signature(family.func).parameters else {}

    def built(changed: Settings) -> nn.Module:
        chosen = settings_object("model", {TARGET: model[TARGET], **changed})
        if chosen is not None:
            return family.func(settings=chosen, **given)
        check_arguments(family.func, family.keywords, where="model", later=("attention",))
        return family.func(**changed, **given)

    def watched(changed: Settings) -> nn.Module:
        made = built(changed)
        watch_parts(made, lambda: built(changed))
        return made

    def tried(changed: Settings) -> nn.Module:
        asked = f"model.target={model[TARGET]}"
        return built_and_tried(
            lambda: watched(changed), asked=asked, vocab_size=vocab_size, context_length=context_length
        )

    return ModelPlan(settings=family.keywords, attention=attention, build=tried if own else watched)


def _in_a_layer(attention: Settings) -> "partial[AttentionBase]":
    """What makes the attention module of a layer."""
    made = bound(attention, ("attention",), kind=AttentionBase)
    chosen = settings_object("attention", attention)
    if chosen is not None:
        return partial(made.func, settings=chosen)
    check_arguments(made.func, made.keywords, where="attention", later=("layer",))
    return made
