"""Low-rank adapters beside the matrices of a model of transformers (LoRA, 2106.09685), by peft."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from tuneformer.errors import UserError, reason_of
from tuneformer.models.hf.library import INSTALL
from tuneformer.models.hf.settings import ALL_LINEAR, HuggingFaceSettings

ADAPTER = "default"
"""peft's name of the one adapter of a matrix, a part of the names of its parameters."""
BASE = "base_layer"
"""What peft calls the matrix inside."""
A_OR_B = "lora_"
"""What the names of their modules begin with."""
SETTINGS = frozenset({"lora_rank", "lora_alpha", "lora_dropout", "lora_targets"})


def put_adapters(network: Any, settings: HuggingFaceSettings) -> None:
    """Put A (r, in) and B (out, r) beside matrices W, which are frozen with all else: W x + alpha / r B A x.

    A is drawn from torch's default generator and B is 0, so that the model computes what it did before.

    Raises:
        UserError: peft is missing or refuses, or there are no such matrices.
    """
    assert settings.lora_rank is not None
    peft = _peft()
    targets = _targets(network, settings, peft)
    if not targets:  # of a model with fewer layers, which only memory is counted of
        network.requires_grad_(False)
        return
    alpha = settings.lora_rank if settings.lora_alpha is None else settings.lora_alpha
    try:
        config = peft.LoraConfig(
            r=settings.lora_rank,
            lora_alpha=alpha,
            lora_dropout=settings.lora_dropout or 0.0,
            target_modules=targets,
        )
        peft.inject_adapter_in_model(config, network, adapter_name=ADAPTER)
    except Exception as error:  # it checks each architecture in its own way
        raise UserError(
            f"model.lora_rank={settings.lora_rank} cannot be built: {reason_of(error)}"
        ) from error


def without_adapters(model: Mapping[str, Any]) -> dict[str, Any]:
    """The group `model` of a run, of the plain model that `merged_weights` are of."""
    return dict(model) | dict.fromkeys(SETTINGS & model.keys()) if _is_of_the_library(model) else dict(model)


def merged_weights(weights: Mapping[str, Tensor], model: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights of the plain model: W + alpha / r B A in place of each W, A and B; peft is not needed.

    Args:
        weights: the state of a model, with adapters or without.
        model: the group `model` of its run.

    Raises:
        UserError: A and B of a matrix are missing or do not fit it, or there is no such scale.
    """
    rank, alpha = model.get("lora_rank"), model.get("lora_alpha")
    if rank is None or not _is_of_the_library(model):
        return dict(weights)
    try:
        return _merged(weights, scale=1.0 if alpha is None else float(alpha / rank))
    except (KeyError, TypeError, RuntimeError, ZeroDivisionError) as error:
        raise UserError(f"its adapters do not fit its matrices: {reason_of(error)}") from error


def _is_of_the_library(model: Mapping[str, Any]) -> bool:
    return "gguf_file" in model


def _merged(weights: Mapping[str, Tensor], *, scale: float) -> dict[str, Tensor]:
    merged = {}
    for name, weight in weights.items():
        place, inside, kind = name.partition(f".{BASE}.")
        if inside and kind == "weight":
            a, b = (weights[f"{place}.{A_OR_B}{each}.{ADAPTER}.weight"] for each in "AB")
            wide = torch.promote_types(a.dtype, torch.float32)
            merged[f"{place}.{kind}"] = weight + (b.to(wide) @ a.to(wide) * scale).to(weight.dtype)
        elif f".{A_OR_B}" not in name:
            merged[f"{place}.{kind}" if inside else name] = weight
    return merged


def has_adapter(module: nn.Module) -> bool:
    """Whether a module is a matrix with an adapter beside it."""
    return hasattr(module, "lora_A") and hasattr(module, BASE)


def base_of(module: nn.Module) -> nn.Module:
    """The matrix without its adapter; of any other module itself."""
    return getattr(module, BASE) if has_adapter(module) else module


def weight_of(module: nn.Module) -> Tensor:
    """The matrix of a linear layer, with what its adapter adds."""
    weight = base_of(module).weight
    assert isinstance(weight, Tensor)
    if not has_adapter(module):
        return weight
    return weight + module.get_delta_weight(ADAPTER)  # pyright: ignore[reportCallIssue]


def name_of_rows(name: str, module: nn.Module) -> str:
    """The name of the weight that trains and has a row for each output: that of the layer, or its B."""
    return f"{name}.lora_B.{ADAPTER}.weight" if has_adapter(module) else f"{name}.weight"


def _targets(network: Any, settings: HuggingFaceSettings, peft: ModuleType) -> list[str]:
    """The names of the matrices that get adapters."""
    output = network.get_output_embeddings()
    tied = output is not None and output.weight is network.get_input_embeddings().weight
    linear = [
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and not (tied and module is output)
    ]
    asked = settings.lora_targets
    if asked == (ALL_LINEAR,):
        return [name for name in linear if network.get_submodule(name) is not output]
    on_meta = torch.get_default_device().type == "meta"
    there = ", ".join(dict.fromkeys(name.rpartition(".")[2] for name in linear))
    if asked is None:
        usual = peft.utils.constants.TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
        found = _ending(linear, usual.get(network.config.model_type, ()))
        if not found:
            raise UserError(
                f"model.lora_targets is missing: peft has no usual ones of {network.config.model_type}; its"
                f" linear layers are {there}"
            )
        return found
    for name in asked:
        if not _ending(linear, (name,)) and not on_meta:
            raise UserError(
                f"model.lora_targets={name} is the end of the name of no linear layer with a matrix of its"
                f" own: there are {there}, and {ALL_LINEAR}"
            )
    return _ending(linear, asked)


def _ending(names: Sequence[str], ends: Sequence[str]) -> list[str]:
    return [name for name in names if any(f".{name}".endswith(f".{end}") for end in ends)]


def _peft() -> ModuleType:
    try:
        import peft
    except ImportError:
        raise UserError(f"model.lora_rank needs a package that is not installed: {INSTALL}") from None
    return peft
