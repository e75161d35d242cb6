"""Our decoder as a model of transformers, where it is one: LLaMA's and GPT-2's blocks."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tuneformer.models.attention.base import QKVAttentionBase
from tuneformer.models.attention.qkv.grouped_query import GroupedQueryAttention
from tuneformer.models.attention.qkv.multi_head import MultiHeadAttention
from tuneformer.models.attention.qkv.multi_query import MultiQueryAttention
from tuneformer.models.decoder import Decoder
from tuneformer.models.norms import EPSILON
from tuneformer.models.settings import DecoderSettings

State = dict[str, Tensor]
PLAIN = {"scale": None, "qk_norm": False, "cosine": False, "logit_soft_cap": None, "value_residual": None}
LLAMA = {"block": "pre_norm", "norm": "rms_norm", "feed_forward": "swiglu", "positions": "rope"}
GPT2 = {
    "block": "pre_norm",
    "norm": "layer_norm",
    "feed_forward": "gelu",
    "positions": "learned",
    "bias": True,
    "tie_embeddings": True,
}


@dataclass(frozen=True, kw_only=True)
class Equivalent:
    """A model of transformers that computes what one of ours does.

    Attributes:
        architecture: its name in the library.
        keys: its settings there.
        state: its weights, by the library's names.
    """

    architecture: str
    keys: dict[str, Any]
    state: State


def equivalent_of(model: nn.Module) -> Equivalent | None:
    """The equivalent of a model; None where there is none."""
    if not isinstance(model, Decoder) or not _is_plain(model):
        return None
    if _is(model.settings, LLAMA) and (model.output is None or model.output.bias is None):
        return _llama(model)
    shells = [_shell(block) for block in model.blocks]
    if _is(model.settings, GPT2) and all(type(shell) is MultiHeadAttention for shell in shells):
        return _gpt2(model)
    return None


def _is(settings: Any, wanted: dict[str, Any]) -> bool:
    return all(getattr(settings, name) == value for name, value in wanted.items())


def _is_plain(model: Decoder) -> bool:
    kinds = (MultiHeadAttention, GroupedQueryAttention, MultiQueryAttention)
    for shell in map(_shell, model.blocks):
        if type(shell) not in kinds or any(
            getattr(shell.settings, name) != value for name, value in PLAIN.items()
        ):
            return False
    return model.earlier_tokens is None and model.base_width is None


def _llama(model: Decoder) -> Equivalent:
    blocks: list[Any] = list(model.blocks)
    settings, first = _settings(model), _shell(blocks[0])
    state: State = {
        "model.embed_tokens.weight": model.token_embedding.weight,
        "model.norm.weight": _weight(model.norm),
    }
    if model.output is not None:
        state["lm_head.weight"] = model.output.weight
    names = {"gate": "gate_proj", "up": "up_proj", "down": "down_proj"}
    for index, block in enumerate(blocks):
        shell, place = _shell(block), f"model.layers.{index}"
        for name, there in {
            "query": "q_proj",
            "key": "k_proj",
            "value": "v_proj",
            "output": "o_proj",
        }.items():
            rotated = name in ("query", "key")
            for kind, tensor in getattr(shell, name).named_parameters():
                turned = half_split(tensor, head_dim=shell.head_dim) if rotated else tensor
                state[f"{place}.self_attn.{there}.{kind}"] = turned
        for name, there in names.items():
            for kind, tensor in getattr(block.feed_forward, name).named_parameters():
                state[f"{place}.mlp.{there}.{kind}"] = tensor
        state[f"{place}.input_layernorm.weight"] = _weight(block.attention_norm)
        state[f"{place}.post_attention_layernorm.weight"] = _weight(block.feed_forward_norm)
    keys = {
        "hidden_size": model.d_model,
        "num_hidden_layers": model.n_layers,
        "num_attention_heads": settings.n_heads,
        "num_key_value_heads": first.n_key_value_heads,
        "head_dim": first.head_dim,
        "intermediate_size": state["model.layers.0.mlp.up_proj.weight"].shape[0],
        "max_position_embeddings": model.context_length,
        "rms_norm_eps": EPSILON,
        "rope_parameters": {"rope_theta": float(settings.rope_base), "rope_type": "default"},
        "attention_bias": settings.bias,
        "mlp_bias": settings.bias,
        "attention_dropout": float(settings.dropout),
    }
    return Equivalent(architecture="llama", keys=_shared(model) | keys, state=_detached(state))


def _gpt2(model: Decoder) -> Equivalent:
    blocks: list[Any] = list(model.blocks)
    settings, positions = _settings(model), model.position_embedding
    assert positions is not None
    state: State = {
        "transformer.wte.weight": model.token_embedding.weight,
        "transformer.wpe.weight": next(positions.parameters()),
    }
    state |= _of_module(model.norm, "transformer.ln_f")
    for index, block in enumerate(blocks):
        shell, place = _shell(block), f"transformer.h.{index}"
        parts = (shell.query, shell.key, shell.value)
        state[f"{place}.attn.c_attn.weight"] = torch.cat([part.weight for part in parts]).T
        state[f"{place}.attn.c_attn.bias"] = torch.cat([part.bias for part in parts])
        state |= _of_module(shell.output, f"{place}.attn.c_proj", turned=True)
        state |= _of_module(block.feed_forward.up, f"{place}.mlp.c_fc", turned=True)
        state |= _of_module(block.feed_forward.down, f"{place}.mlp.c_proj", turned=True)
        state |= _of_module(block.attention_norm, f"{place}.ln_1")
        state |= _of_module(block.feed_forward_norm, f"{place}.ln_2")
    dropout = float(settings.dropout)
    keys = {
        "n_embd": model.d_model,
        "n_layer": model.n_layers,
        "n_head": settings.n_heads,
        "n_inner": state["transformer.h.0.mlp.c_fc.bias"].shape[0],
        "n_positions": model.context_length,
        "activation_function": "gelu",
        "resid_pdrop": dropout,
        "embd_pdrop": dropout,
        "attn_pdrop": dropout,
    }
    return Equivalent(architecture="gpt2", keys=_shared(model) | keys, state=_detached(state))


def half_split(weight: Tensor, *, head_dim: int) -> Tensor:
    """The rows of each head in the order of LLaMA's rotation: the first number of each pair, then the second.

    Ours turns neighbours (x_2i, x_2i+1), the library's (x_i, x_i+D/2).
    """
    pairs = weight.unflatten(0, (-1, head_dim // 2, 2))
    return pairs.transpose(1, 2).flatten(0, 2)


def _shared(model: Decoder) -> dict[str, Any]:
    tokens = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"))
    return tokens | {"vocab_size": model.vocab_size, "tie_word_embeddings": model.output is None}


def _settings(model: Decoder) -> DecoderSettings:
    settings = model.settings
    assert isinstance(settings, DecoderSettings)
    return settings


def _shell(block: Any) -> QKVAttentionBase:
    return block.attention


def _weight(module: nn.Module) -> Tensor:
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight


def _of_module(module: nn.Module, name: str, *, turned: bool = False) -> State:
    return {
        f"{name}.{kind}": tensor.T if turned and tensor.dim() == 2 else tensor
        for kind, tensor in module.named_parameters()
    }


def _detached(state: State) -> State:
    return {name: tensor.detach().clone().contiguous() for name, tensor in state.items()}
