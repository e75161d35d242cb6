"""Attention as plain products of matrices, where somebody looks at a module that has a faster way."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tuneformer.errors import UserError
from tuneformer.models.attention.explicit import SeenAttention, WatchedHeads
from tuneformer.models.attention.layer_spec import AttentionSite

WATCHER = "watched_attention"
"""What a watcher is called in the module that it stands in."""


class HeadsOfAnother(WatchedHeads):
    """Stands in an attention module that knows nothing of being watched."""

    def __init__(self, site: AttentionSite, around: nn.Module, output: nn.Module, head_dim: int) -> None:
        super().__init__()
        self._site = site
        self._around = [around, output]  # in a list: they are no parts of this one
        self.head_dim = head_dim

    @property
    def site(self) -> AttentionSite:
        """That of the module around."""
        return self._site

    @property
    def output(self) -> nn.Module:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The matrix behind the heads."""
        return self._around[1]

    @property
    def told_as(self) -> str:
        """The name of the module around."""
        return type(self._around[0]).__name__


class WatchedProducts(HeadsOfAnother):
    """Stands in a module that calls F.scaled_dot_product_attention, and sees what that is given.

    While somebody looks, the module's calls of it are computed by `watched_products`.
    """

    def __init__(self, site: AttentionSite, around: nn.Module, output: nn.Linear, head_dim: int) -> None:
        super().__init__(site, around, output, head_dim)
        self._modes: list[TorchFunctionMode] = []
        around.register_forward_pre_hook(self._begin)
        around.register_forward_hook(self._end, always_call=True)

    def _begin(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        del module, inputs
        if self.is_watched:
            self._modes.append(_SeenCalls(self))
            self._modes[-1].__enter__()

    def _end(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        del module, inputs, output
        if self._modes:
            self._modes.pop().__exit__(None, None, None)


class _SeenCalls(TorchFunctionMode):
    """Within it, torch's function is computed where it can be seen."""

    def __init__(self, heads: WatchedProducts) -> None:
        super().__init__()
        self._heads = heads

    def __torch_function__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        if func is F.scaled_dot_product_attention:
            return _attended(self._heads, *args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _attended(
    heads: WatchedProducts,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """torch's function; the signature is its own."""
    del enable_gqa
    if query.dim() != 4:
        raise UserError(
            f"{heads.told_as} calls scaled_dot_product_attention with {query.dim()} dimensions: heads are"
            " seen in (batch, head, time, number)"
        )
    if is_causal:
        shape = query.shape[-2], key.shape[-2]
        attn_mask = torch.ones(shape, dtype=torch.bool, device=query.device).tril()
    mixed, _ = watched_products(heads, query, key, value, mask=attn_mask, dropout=dropout_p, scale=scale)
    return mixed


def watched_products(
    heads: WatchedHeads,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    mask: Tensor | None,
    dropout: float,
    scale: float | None,
    bias: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return softmax(scale Q K^T + bias) V in heads, and the weights, which `heads` has seen and edited.

    Args:
        heads: the module that is watched.
        query, key, value: (batch, head, time, number); keys and values may be shared by several heads.
        mask: true, or 0, where a query may see a key; None: everywhere.
        dropout: probability, of the weights.
        scale: None: 1 / sqrt(numbers of a query).
        bias: added to the logits.
    """
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    logits = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if bias is not None:
        logits = logits + bias
    masked, allowed = _masked(logits, mask)
    weights = masked.softmax(dim=-1, dtype=torch.promote_types(masked.dtype, torch.float32)).to(query.dtype)
    weights = heads.edited(heads.site, weights)
    if heads.watch is not None:
        heads.watch(heads.site, SeenAttention(weights=weights, values=value, logits=logits, allowed=allowed))
    return F.dropout(weights, dropout, dropout > 0) @ value, weights


def _masked(logits: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """The logits with those left out at minus infinity, and which keys a query may see; None: all."""
    if mask is None:
        return logits, None
    mask = mask[..., : logits.shape[-1]]
    if mask.dtype == torch.bool:
        return logits.masked_fill(~mask, -math.inf), mask
    return logits + mask, mask > torch.finfo(mask.dtype).min / 2
