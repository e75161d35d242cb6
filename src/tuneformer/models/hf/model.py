"""A causal language model of transformers as a model of ours: tokens in, logits out."""

import json
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tuneformer.errors import UserError, reason_of
from tuneformer.models.hf.architecture import architecture_of, told_architecture
from tuneformer.models.hf.attention import (
    NAME,
    implementation_of,
    put_watchers,
    register_attention,
)
from tuneformer.models.hf.conv1d import QUERY_KEY_VALUE, LinearOfConv1D, with_linear_layers
from tuneformer.models.hf.library import refusal, transformers
from tuneformer.models.hf.lora import base_of, name_of_rows, put_adapters
from tuneformer.models.hf.settings import HuggingFaceSettings
from tuneformer.models.hf.source import ARCHITECTURE_FILE, ModelSource
from tuneformer.models.parts import LayerPart

STACK = "decoder"
FUSED_BY_HEAD = {
    **dict.fromkeys(("bloom", "gpt_neox", "persimmon"), ("query_key_value",)),
    "gpt_bigcode": ("c_attn",),
}
"""Matrices with the query, key and value of the first head, then those of the second, by architecture."""


class HuggingFaceModel(nn.Module):
    """Logits of the next token, by a model of transformers that reads token ids.

    GPT-2's matrices are turned to lie as all others (`with_linear_layers`). Weights are drawn by the library
    from torch's default generator, or are those of `model.path`.
    """

    network: Any

    def __init__(self, *, settings: HuggingFaceSettings) -> None:
        """Build on torch's default device, in float32.

        Raises:
            UserError: there is no such architecture, or the weights do not fit it.
        """
        super().__init__()
        register_attention()
        config = architecture_of(settings)
        self.context_length = settings.context_length
        self.vocab_size: int = config.vocab_size
        self.d_model: int = config.hidden_size
        self.n_layers: int = config.num_hidden_layers
        on_meta = torch.get_default_device().type == "meta"
        if settings.path is None or on_meta:
            self.network = _drawn(config, settings.asked)
        else:
            self.network = _pretrained(config, settings)
        with_linear_layers(self.network)
        if not on_meta:
            _try(self.network, settings.asked)
        if settings.lora_rank is not None:
            put_adapters(self.network, settings)
        self.watchers = put_watchers(self.network, STACK) if _asks_ours(self.network) else []
        self._takes = frozenset(signature(self.network.forward).parameters)
        self.register_state_dict_post_hook(_leave_tied_out)
        self.register_load_state_dict_pre_hook(_put_tied_in)

    def forward(
        self, tokens: Int[Tensor, "batch time"], cache: "PastOfNetwork | None" = None
    ) -> Float[Tensor, "batch time vocab"]:
        """Return the logits of the token after each token; with a cache `tokens` continue those in it."""
        given: dict[str, Any] = {"input_ids": tokens}
        if "use_cache" in self._takes:
            given["use_cache"] = cache is not None
        if cache is not None:
            given["cache" if "cache" in self._takes else "past_key_values"] = cache.past
            cache.length += tokens.shape[1]
        return self.network(**given).logits

    def new_cache(self) -> "PastOfNetwork | None":
        """Return an empty cache for decoding step by step; None where the model has another kind of past."""
        if not {"cache", "past_key_values"} & self._takes:
            return None
        past = transformers().DynamicCache(config=self.network.config)
        return PastOfNetwork(past=past, capacity=self.context_length)

    def initialize(self) -> None:
        """Draw all weights anew, as the library draws them."""
        config = self.network.config
        drawn = _drawn(config, f"model.config={config.model_type}")
        with_linear_layers(drawn)
        self.network.load_state_dict(drawn.state_dict())

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
            LayerPart(stack=STACK, layer=index, module=module, down=_down_of(module))
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


class PastOfNetwork:
    """What a model of transformers keeps of the tokens before, for use without gradients."""

    def __init__(self, *, past: Any, capacity: int) -> None:
        self.past = past
        self.capacity = capacity
        self.length = 0


def _drawn(config: Any, asked: str) -> nn.Module:
    return _built(lambda **how: transformers().AutoModelForCausalLM.from_config(config, **how), config, asked)


def _built(build: Callable[..., Any], config: Any, asked: str) -> nn.Module:
    """The model with our attention function; with its own where its class takes no other."""
    try:
        return build(dtype=torch.float32, attn_implementation=implementation_of(config))
    except Exception as error:
        raise refusal(asked, error) from error


def _try(network: nn.Module, asked: str) -> None:
    """Raise UserError where sizes do not go together: some architectures notice it when they compute."""
    tokens = torch.zeros(1, 1, dtype=torch.long, device=next(network.parameters()).device)
    try:
        with torch.no_grad():
            network.eval()(input_ids=tokens)
    except Exception as error:
        raise refusal(asked, error) from error
    network.train()


def _pretrained(config: Any, settings: HuggingFaceSettings) -> nn.Module:
    source = ModelSource.of(config=None, path=settings.path, gguf_file=settings.gguf_file)
    assert source is not None
    where = f"model.path={settings.path}"

    def build(**how: Any) -> nn.Module:
        of_file = {"gguf_file": source.file.name} if source.is_gguf else {}
        try:
            model, told = transformers().AutoModelForCausalLM.from_pretrained(
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
        if told["mismatched_keys"]:
            name, there, here = sorted(told["mismatched_keys"])[0]
            raise UserError(
                f"{where} does not fit its config.json: {name} is {list(there)}, not {list(here)}"
            )
        if told["missing_keys"]:
            raise UserError(f"{where} has no weights of {min(told['missing_keys'])}")
        return model

    return _built(build, config, settings.asked)


def _asks_ours(network: Any) -> bool:
    return network.config._attn_implementation == NAME


def _down_of(layer: nn.Module) -> nn.Module | None:
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
