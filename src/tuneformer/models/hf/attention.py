"""Attention of transformers' models, seen and edited as that of our own.

Their attention modules call a function by its registered name, with queries, keys and values in heads: ours
is the library's own for scaled dot products, and where somebody looks the same as plain products.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.attention.products import WATCHER, HeadsOfAnother, watched_products
from tuneformer.models.hf.kinds import ModelKind
from tuneformer.models.hf.library import transformers
from tuneformer.models.hf.lora import base_of, weight_of

NAME = "tuneformer"
OWN_TABLE = ("falcon",)
"""Architectures that take an attention from a table of their own, where no function can be registered."""
OUTPUTS = ("o_proj", "c_proj", "out_proj", "dense", "wo", "output_projection", "out_lin", "Wo", "o")
"""What the architectures call the matrix behind the heads."""
HEAD_DIMS = ("head_dim", "attention_head_size", "key_value_proj_dim")
"""What their attention modules call the numbers of a head."""


class LibraryHeads(HeadsOfAnother):
    """Stands in an attention module of transformers, where its weights can be asked for."""

    def __init__(self, site: AttentionSite, around: nn.Module, output: nn.Module) -> None:
        known = (int(getattr(around, name, 0)) for name in HEAD_DIMS)
        super().__init__(
            site, around, output, next((size for size in known if size), int(weight_of(output).shape[1]))
        )

    @property
    def output_weight(self) -> Tensor:
        """With what an adapter adds."""
        return weight_of(self.output)


def register_attention() -> None:
    """Make the function known to the library."""
    library = transformers()
    library.AttentionInterface.register(NAME, attention)
    library.AttentionMaskInterface.register(NAME, library.masking_utils.sdpa_mask)


def implementation_of(config: Any, kind: ModelKind) -> str:
    """Our function, where a class computes its attention by scaled dot products alone; else its own.

    A class that does not say so passes what such a function drops (the sinks of gpt_oss, the soft cap of
    gemma2), or has an attention of its own that needs every mask (bloom, xglm).
    """
    made = getattr(transformers(), kind.auto)._model_mapping[type(config)]
    made = made[0] if isinstance(made, tuple) else made  # the library takes the first of several
    return NAME if made._supports_sdpa and config.model_type not in OWN_TABLE else "eager"


def put_watchers(model: nn.Module, stack_of: Callable[[str], str]) -> list[LibraryHeads]:
    """Put one into each attention module with an output matrix; those of a model that asks our function.

    `stack_of`: the stack of a module by its name.
    """
    watchers, seen = [], Counter[str]()
    for name, module in list(model.named_modules()):
        output = _output_of(module) or _output_beside(model, name)
        if output is None or not _has_heads(module):
            continue
        layer, stack = getattr(module, "layer_idx", None), stack_of(name)
        site = AttentionSite(stack, layer if isinstance(layer, int) else seen[stack])
        seen[stack] += 1
        watcher = LibraryHeads(site, module, output)
        module.add_module(WATCHER, watcher)
        watchers.append(watcher)
    return watchers


def _has_heads(module: nn.Module) -> bool:
    """Whether it is one that calls an attention function."""
    if isinstance(getattr(module, "layer_idx", None), int) and hasattr(module, "scaling"):
        return True
    return hasattr(module, "is_causal") and any(hasattr(module, name) for name in HEAD_DIMS)


def _output_of(module: nn.Module) -> nn.Module | None:
    found = (getattr(module, name, None) for name in OUTPUTS)
    return next((each for each in found if each is not None and isinstance(base_of(each), nn.Linear)), None)


def _output_beside(model: nn.Module, name: str) -> nn.Module | None:
    """The same where it stands in a module beside that of the heads, as in BERT."""
    around, _, last = name.rpartition(".")
    beside = getattr(model.get_submodule(around), "output", None) if last == "self" else None
    return _output_of(beside) if isinstance(beside, nn.Module) else None


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **more: Any,
) -> tuple[Tensor, Tensor | None]:
    """What the heads give, (batch, query, head, value); the signature is the library's."""
    watcher = getattr(module, WATCHER, None)
    if not isinstance(watcher, LibraryHeads) or not watcher.is_watched:
        function = transformers().integrations.sdpa_attention.sdpa_attention_forward
        return function(
            module,
            query,
            key,
            value,
            attention_mask,
            dropout=dropout,
            scaling=scaling,
            is_causal=is_causal,
            **more,
        )
    causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    mixed, weights = watched_products(
        watcher,
        query,
        key,
        value,
        mask=_causal_mask(query, key) if attention_mask is None and causal else attention_mask,
        dropout=dropout,
        scale=scaling,
        bias=more.get("position_bias"),
    )
    return mixed.transpose(1, 2).contiguous(), weights


def _causal_mask(query: Tensor, key: Tensor) -> Tensor | None:
    """Which keys a query may see, the last query being of the last key; None: all, as a query alone does."""
    n_queries, n_keys = query.shape[2], key.shape[2]
    if n_queries == 1:
        return None
    return torch.ones(n_queries, n_keys, dtype=torch.bool, device=query.device).tril(n_keys - n_queries)
