"""One look into a model: everything that the measures of attention and of the residual stream take."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.measures.head_outputs import head_outputs
from tuneformer.models.attention.explicit import SeenAttention, Watched, WatchedHeads, watch_attention
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.evaluating import evaluating
from tuneformer.models.parts import layers_of
from tuneformer.process.random_state import kept_random_state


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What was seen in one forward pass.

    Attributes:
        attention: weights, values, logits and mask of each attention module; queries that are padding see
            nothing in `allowed`, and count in no measure.
        heads: what each head adds to the residual stream, or to a branch that is normed yet, without the
            bias of the output matrix; of shells.
        streams: of each stack the residual stream before its first layer and after each; none in models
            without such layers.
        units: of each stack what the hidden units of each feed-forward layer give; none likewise.
        output: of the model.
    """

    attention: dict[AttentionSite, SeenAttention]
    heads: dict[AttentionSite, Float[Tensor, "batch head query d_model"]]
    streams: dict[str, list[Float[Tensor, "batch time d_model"]]]
    units: dict[str, list[Float[Tensor, "batch time unit"]]]
    output: Tensor


def probe(model: nn.Module, inputs: Sequence[Tensor | None]) -> Probe:
    """Return what happens inside of `model(*inputs)`, on the explicit path, in evaluation mode.

    Without gradients; weights, random state, modes and hooks are afterwards as they were. It holds all maps:
    memory is O(layers heads T^2).

    Args:
        model: any family of conf/model that has attention, not sharded.
        inputs: what it is called with: (tokens,), (tokens, visible), (source, visible, target), (images,).

    Raises:
        UserError: the model has no attention.
    """
    if not any(isinstance(module, Watched) for module in model.modules()):
        raise UserError(f"{type(model).__name__} has no attention to look at: choose a model with heads")
    passes: dict[AttentionSite, list[SeenAttention]] = {}
    heads: dict[AttentionSite, Tensor] = {}
    streams: dict[str, list[Tensor]] = {}
    units: dict[str, list[Tensor]] = {}

    def watch(site: AttentionSite, seen: SeenAttention) -> None:
        passes.setdefault(site, []).append(seen)

    with ExitStack() as during:
        for context in (torch.no_grad(), kept_random_state(), evaluating(model)):
            during.enter_context(context)
        during.enter_context(watch_attention(model, watch))
        for module in model.modules():
            if isinstance(module, WatchedHeads):
                handle = module.output.register_forward_pre_hook(partial(_keep_heads, heads, module))
                during.callback(handle.remove)
        for part in layers_of(model):
            keep = partial(_keep_stream, streams, part.stack)
            during.callback(part.module.register_forward_hook(keep).remove)
            if part.down is not None:
                keep = partial(_keep_units, units, part.stack)
                during.callback(part.down.register_forward_pre_hook(keep).remove)
        output = model(*inputs)
    attention = {site: _one(site, seen) for site, seen in passes.items()}
    for stack, layers in units.items():  # OPT's layers take all tokens of a batch as one row
        shape = streams[stack][0].shape[:2]
        units[stack] = [layer.unflatten(0, shape) if layer.dim() == 2 else layer for layer in layers]
    return Probe(attention=attention, heads=heads, streams=streams, units=units, output=output)


def _one(site: AttentionSite, seen: list[SeenAttention]) -> SeenAttention:
    """Return the passes of a module as one: a recurrent decoder has one for each query."""
    first = seen[0]
    if len(seen) > 1:
        logits = [one.logits for one in seen if one.logits is not None]
        first = replace(
            first,
            weights=torch.cat([one.weights for one in seen], dim=2),
            logits=torch.cat(logits, dim=2) if logits else None,
        )
    allowed = first.allowed
    if allowed is not None and allowed.dim() == 4 and site.stack in ("encoder", "decoder"):
        # a token that none may see, itself included, is padding: as a query it does not count
        allowed = allowed & allowed.any(dim=-2).unsqueeze(-1)
    return replace(first, allowed=allowed)


def _keep_heads(
    heads: dict[AttentionSite, Tensor], shell: WatchedHeads, module: nn.Module, inputs: tuple[Tensor]
) -> None:
    joined = inputs[0].unflatten(-1, (-1, shell.head_dim)).transpose(1, 2)  # (B, T, H D) -> (B, H, T, D)
    heads[shell.site] = head_outputs(joined, shell.output_weight)


def _keep_stream(
    streams: dict[str, list[Tensor]], stack: str, layer: nn.Module, inputs: tuple[Any, ...], output: Any
) -> None:
    del layer
    streams.setdefault(stack, [inputs[0]]).append(output[0] if isinstance(output, tuple) else output)


def _keep_units(units: dict[str, list[Tensor]], stack: str, down: nn.Module, inputs: tuple[Tensor]) -> None:
    del down
    units.setdefault(stack, []).append(inputs[0])
