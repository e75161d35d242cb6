"""From the groups model and attention to their settings objects, checked; without torch."""

from dataclasses import is_dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from tuneformer.config.building import component_of
from tuneformer.config.described import description_of
from tuneformer.config.plain import Settings
from tuneformer.config.registry import TARGET, allowed_by_user, is_order
from tuneformer.config.setting import arguments_of
from tuneformer.config.setting_check import check_values
from tuneformer.errors import UserError
from tuneformer.models.attention.settings import AttentionSettings
from tuneformer.models.own_module import (
    TASKS,
    check_is_named,
    check_own_module,
    is_own_module,
    names_no_class,
)
from tuneformer.models.settings import ModelSettings


def check_model(model: Settings, attention: Settings) -> None:
    """Raises UserError for settings of a model that exclude each other, or its attention module.

    Of a class that does not describe itself only the user knows.

    Args:
        model: the group `model`, plain values.
        attention: the group `attention`, plain values.
    """
    if is_own_module(model):
        check_own_module(model)
    described, chosen = description_of(("model",), model), None
    if not (isinstance(described, type) and issubclass(described, ModelSettings)):
        return
    if described.has_attention:
        module = description_of(("attention",), attention)
        chosen = AttentionSettings()
        if isinstance(module, type) and issubclass(module, AttentionSettings):
            chosen = module(**plain_settings(attention))
    # what the data says once it is prepared no check reads
    values = plain_settings(model)
    known: dict[str, Any] = dict.fromkeys(unknown_yet(described, values), 1)
    described(**values | known).check(chosen)


def filled_model(config: DictConfig) -> DictConfig:
    """The configuration with what the chosen model fills in of its group, before anything is resolved.

    Raises:
        UserError: the files that its settings name are not there, or nothing names the user's own.
    """
    target = OmegaConf.select(config, f"model.{TARGET}")
    if target is None:
        check_is_named(OmegaConf.select(config, "model"))
    fill = getattr(description_of(("model",), {TARGET: target}), "fill", None)
    if fill is None:
        return config
    filled = config.copy()
    for name, value in fill(lambda name: OmegaConf.select(config, f"model.{name}")).items():
        OmegaConf.update(filled, f"model.{name}", value)
    return filled


def has_attention(model: Settings) -> bool:
    """Whether the group `attention` has a place in a model; in one that does not say so, if it has heads."""
    return bool(getattr(description_of(("model",), model), "has_attention", "n_heads" in model))


def tasks_of(model: Settings) -> tuple[str, ...] | None:
    """What a model can be asked to do, as its class or what describes it says; None: anything."""
    if is_own_module(model) or names_no_class(model):
        return TASKS
    said = getattr(description_of(("model",), model), "tasks", None)
    if said is None and allowed_by_user(model.get(TARGET)) is not None:
        said = getattr(component_of(("model",), model), "tasks", None)
    return said if isinstance(said, tuple) else None


def plain_settings(group: Settings) -> dict[str, Any]:
    """The settings of a group without the keys by which it is built, as its settings object has them."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in group.items()
        if not is_order(name)
    }


def unknown_yet(described: type, values: Settings) -> list[str]:
    """The settings that are null until the data is prepared."""
    arguments = arguments_of(described)
    unknown = [name for name, each in arguments.items() if each.setting.from_data and not each.may_be_null]
    return [name for name in unknown if values.get(name) is None]


def settings_object(group: str, settings: Settings) -> Any:
    """The settings object that a component takes, each value checked; None where it takes none.

    Raises:
        UserError: a setting is missing, unknown, of another type or out of range.
    """
    described, values = description_of((group,), settings), plain_settings(settings)
    if not (isinstance(described, type) and is_dataclass(described)):
        return None
    check_values(
        arguments_of(described), values, group=group, option=str(settings[TARGET]).rpartition(".")[2]
    )
    for name in unknown_yet(described, values):
        raise UserError(f"{group}.{name} is missing: it follows from the data")
    return described(**values)
