"""What every model of transformers has as a model of ours."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from tuneformer.models.hf.architecture import architecture_of, told_architecture
from tuneformer.models.hf.attention import (
    NAME,
    WATCHER,
    LibraryHeads,
    put_watchers,
    register_attention,
)
from tuneformer.models.hf.conv1d import QUERY_KEY_VALUE, LinearOfConv1D, with_linear_layers
from tuneformer.models.hf.kinds import ModelKind
from tuneformer.models.hf.layers import down_of
from tuneformer.models.hf.lora import base_of, name_of_rows, put_adapters
from tuneformer.models.hf.network import drawn, pretrained, try_network
from tuneformer.models.hf.settings import HuggingFaceSettings
from tuneformer.models.hf.source import ARCHITECTURE_FILE, IN_STAGES
from tuneformer.models.parts import LayerPart

FUSED_BY_HEAD = {
    **dict.fromkeys(("bloom", "gpt_neox", "persimmon"), ("query_key_value",)),
    "gpt_bigcode": ("c_attn",),
}
"""Matrices with the query, key and value of the first head, then those of the second, by architecture."""


class HuggingFaceModel(nn.Module, ABC):
    """A model of transformers; a subclass for each kind of task calls it.

    GPT-2's matrices are turned to lie as all others (`with_linear_layers`). Weights are drawn by the library
    from torch's default generator, or are those of `model.path`.
    """

    kind: ClassVar[ModelKind]
    stack: ClassVar[str]
    network: Any

    def __init__(self, *, settings: HuggingFaceSettings) -> None:
        """Build on torch's default device, in float32.

        Raises:
            UserError: there is no such architecture, or the weights do not fit it.
        """
        super().__init__()
        register_attention()
        config = architecture_of(settings)
        self.context_length = settings.context_length or 0
        self.vocab_size: int = getattr(config, "vocab_size", 0)
        self.d_model, self.n_layers = _width_and_layers(config)
        on_meta = torch.get_default_device().type == "meta"
        if settings.path is None or on_meta:
            self.network = drawn(config, self.kind, settings.asked)
        else:
            self.network = pretrained(config, settings)
        with_linear_layers(self.network)
        self._takes = frozenset(signature(self.network.forward).parameters)
        self.check_architecture(settings.asked, settings.task)
        if not on_meta:
            try_network(self.network, self.tried_inputs(), settings.asked)
        if settings.lora_rank is not None:
            put_adapters(self.network, settings)
            self.train_head()
        self.watchers = put_watchers(self.network, self.stack_of) if _asks_ours(self.network) else []
        self.register_state_dict_post_hook(_leave_tied_out)
        self.register_load_state_dict_pre_hook(_put_tied_in)

    def stack_of(self, name: str) -> str:
        """Return the stack that a module of the network belongs to, by its name there."""
        del name
        return self.stack

    def check_architecture(self, asked: str, task: str | None) -> None:
        """Raise UserError where the network cannot do the task, whatever its class is called."""
        del asked, task

    def train_head(self) -> None:
        """Let that train beside adapters which no pretrained model has."""

    def unwatch(self) -> None:
        """Take the watchers of attention out again."""
        for module in list(self.network.modules()):
            if isinstance(getattr(module, WATCHER, None), LibraryHeads):
                delattr(module, WATCHER)
        self.watchers = []

    @abstractmethod
    def tried_inputs(self) -> dict[str, Tensor]:
        """Return what the network is called with once it is built, by the library's names."""

    def initialize(self) -> None:
        """Draw all weights anew, as the library draws them."""
        config = self.network.config
        other = drawn(config, self.kind, f"model.config={config.model_type}")
        with_linear_layers(other)
        self.network.load_state_dict(other.state_dict())

    def rule_names(self) -> Mapping[str, str]:
        """By which name of our own models a rule of parameter groups knows a parameter besides its own."""
        output = self.network.get_output_embeddings()
        output_weight = None if output is None else output.weight
        names = {}
        for prefix, module in self.named_modules():
            for name, parameter in module.named_parameters(prefix, recurse=False):
                if isinstance(module, nn.Embedding):
                    names.setdefault(name, "token_embedding.weight")
                elif parameter.dim() < 2:
                    names[name] = "norm.weight"
                elif parameter is output_weight or parameter.dim() > 2:
                    names[name] = "output.weight"
        return names

    def row_parts(self) -> Mapping[str, tuple[int, ...]]:
        """Which matrices are several, one below the other, and the proportions of their rows."""
        config, found = self.network.config, {}
        heads = getattr(config, "num_attention_heads", 1)
        keys = getattr(config, "num_key_value_heads", None) or heads
        for name, module in self.named_modules():
            last, rows = name.rpartition(".")[2], name_of_rows(name, module)
            inside = base_of(module)
            if last == "c_attn" and isinstance(inside, LinearOfConv1D):
                found[rows] = QUERY_KEY_VALUE
            elif last == "qkv_proj" and isinstance(inside, nn.Linear):
                found[rows] = (heads, keys, keys)
            elif last in FUSED_BY_HEAD.get(config.model_type, ()):
                one_key = getattr(config, "multi_query", False)
                found[rows] = (heads, 1, 1) if one_key else QUERY_KEY_VALUE * heads
            elif last == "gate_up_proj" and isinstance(inside, nn.Linear):
                found[rows] = (1, 1)
        return found

    def layer_parts(self) -> list[LayerPart]:
        """Return the layers, in order."""
        kinds = set(self.network._no_split_modules or ())
        found = [module for module in self.network.modules() if type(module).__name__ in kinds]
        return [
            LayerPart(stack=self.stack, layer=index, module=module, down=down_of(module))
            for index, module in enumerate(found)
        ]

    @property
    def kept_files(self) -> dict[str, str]:
        """Files for the run directory, name -> content: a run is loaded without what it began with."""
        return {ARCHITECTURE_FILE: json.dumps(told_architecture(self.network.config), indent=1)}

    def n_positions(self, n_tokens: int | float) -> int | float:
        """Return the tokens of one example of `n_tokens` tokens."""
        return n_tokens

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass: 2 for each number that multiplies, and 4 width a key."""
        looked_up = sum(m.weight.numel() for m in self.modules() if isinstance(m, nn.Embedding))
        output = self.network.get_output_embeddings()
        tied = output is not None and output.weight is self.network.get_input_embeddings().weight
        multiplied = sum(p.numel() for p in self.parameters()) - looked_up
        multiplied += self.vocab_size * self.d_model if tied else 0
        mixing = 4.0 * self.d_model * n_tokens * self.n_layers
        return n_tokens * (2.0 * multiplied + mixing)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "HuggingFaceModel":
        """Keep tables of frequencies in float32 where weights become shorter: rotations are made of them."""
        tables = [
            (module, name, buffer)
            for module in self.modules()
            for name, buffer in module._buffers.items()
            if buffer is not None and buffer.dtype == torch.float32
        ]
        super()._apply(fn, recurse)
        for module, name, before in tables:
            now = module._buffers[name]
            if now is not None and now.is_floating_point() and now.itemsize < before.itemsize:
                module._buffers[name] = before.to(now.device)
        return self


def _asks_ours(network: Any) -> bool:
    return network.config._attn_implementation == NAME


def _width_and_layers(config: Any) -> tuple[int, int]:
    """The width of the last layers, and how many there are."""
    if config.model_type in IN_STAGES:
        widths = getattr(config, "hidden_sizes", None) or [config.hidden_size]
        return widths[-1], sum(config.depths)
    return config.hidden_size, config.num_hidden_layers


def _tied_names(model: nn.Module, prefix: str) -> dict[str, str]:
    """Each further name of a parameter that has several, and its first."""
    first: dict[int, str] = {}
    tied = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if id(parameter) in first:
            tied[prefix + name] = prefix + first[id(parameter)]
        else:
            first[id(parameter)] = name
    return tied


def _leave_tied_out(module: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    """A tied parameter has one name in a checkpoint: an average of weights is kept by that."""
    del metadata
    for name in _tied_names(module, prefix):
        state.pop(name, None)


def _put_tied_in(module: nn.Module, state: dict[str, Any], prefix: str, *more: object) -> None:
    del more
    for name, first in _tied_names(module, prefix).items():
        if first in state:
            state.setdefault(name, state[first])
