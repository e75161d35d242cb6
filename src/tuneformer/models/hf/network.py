"""A network of transformers: its weights drawn, or those of a folder."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tuneformer.errors import UserError, reason_of
from tuneformer.models.hf.attention import implementation_of
from tuneformer.models.hf.kinds import ENCODER, ModelKind
from tuneformer.models.hf.library import refusal, transformers
from tuneformer.models.hf.settings import HuggingFaceSettings
from tuneformer.models.hf.source import ModelSource

POOLER = "pooler"
"""What models call the matrix between the layers and an output, which a folder may lack."""


def drawn(config: Any, kind: ModelKind, asked: str) -> nn.Module:
    """The model with weights from torch's default generator."""
    return _built(getattr(transformers(), kind.auto).from_config, config, kind, asked)


def _built(build: Callable[..., Any], config: Any, kind: ModelKind, asked: str) -> nn.Module:
    """The model with our attention function; with its own where its class takes no other."""
    try:
        return build(config, dtype=torch.float32, attn_implementation=implementation_of(config, kind))
    except Exception as error:
        raise refusal(asked, error) from error


def try_network(network: nn.Module, inputs: Mapping[str, Tensor], asked: str) -> None:
    """Raise UserError where sizes do not go together: some architectures notice it when they compute."""
    device = next(network.parameters()).device
    try:
        with torch.no_grad():
            network.eval()(**{name: values.to(device) for name, values in inputs.items()})
    except Exception as error:
        raise refusal(asked, error) from error
    network.train()


def pretrained(config: Any, settings: HuggingFaceSettings) -> nn.Module:
    """The model with the weights of `model.path`; what a folder lacks behind the layers is drawn.

    Raises:
        UserError: they cannot be read, or are not those of the architecture.
    """
    source = ModelSource.of(config=None, path=settings.path, gguf_file=settings.gguf_file)
    assert source is not None
    where = f"model.path={settings.path}"

    def may_lack(model: nn.Module, name: str) -> bool:
        if settings.kind is ENCODER:
            return POOLER in name.split(".")
        return settings.n_classes is not None and is_of_the_head(model, name)

    def build(config: Any, **how: Any) -> nn.Module:
        of_file = {"gguf_file": source.file.name} if source.is_gguf else {}
        try:
            model, told = getattr(transformers(), settings.kind.auto).from_pretrained(
                source.file.parent,
                config=config,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **of_file,
                **how,
            )
        except OSError as error:
            raise UserError(f"{where} cannot be read: {reason_of(error)}") from error
        mismatched = [each for each in told["mismatched_keys"] if not may_lack(model, each[0])]
        missing = [name for name in told["missing_keys"] if not may_lack(model, name)]
        if mismatched:
            name, there, here = min(mismatched)
            raise UserError(
                f"{where} does not fit its config.json: {name} is {list(there)}, not {list(here)}"
            )
        if missing:
            raise UserError(f"{where} has no weights of {min(missing)}")
        return model

    return _built(build, config, settings.kind, settings.asked)


def is_of_the_head(network: Any, name: str) -> bool:
    """Whether a weight is of what a classifier has behind the layers: its pooler and its output."""
    return not name.startswith(f"{network.base_model_prefix}.") or POOLER in name.split(".")
