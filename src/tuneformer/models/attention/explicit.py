"""See attention weights, or change them, in any model made of attention shells."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.attention.watched import EditWeights, Watch, Watched


@contextmanager
def explicit_attention(model: nn.Module, edit: EditWeights) -> Iterator[None]:
    """Within the block, the model computes attention weights explicitly and passes them through `edit`.

    `edit(site, weights)` receives the weights (batch, head, query, key) of one attention module before
    dropout and returns those to use: the same to watch, others to intervene. `site` tells which module it
    is: (stack, layer), the stack "decoder", "encoder", "cross" or "pooling". A recurrent decoder calls it
    once for each token that it writes, with one query. To take head 2 out of layer 1:

        def ablate(site, weights):
            keep = torch.ones(weights.shape[1], 1, 1)
            keep[2] = 0
            return weights * keep if site == ("decoder", 1) else weights

    Gradients flow through it, second derivatives too, which the fused path does not have on every
    device.
    """
    with _hooked(model, "edit_weights", edit):
        yield


@contextmanager
def record_attention(model: nn.Module) -> Iterator[dict[tuple[str, int], list[Tensor]]]:
    """Within the block, collect the attention weights of each forward pass, by module.

    with record_attention(model) as weights:
        model(tokens)
    weights["decoder", 0][-1]  # (batch, head, query, key) of layer 0 in the last pass
    """
    recorded: dict[tuple[str, int], list[Tensor]] = {}

    def watch(site: AttentionSite, weights: Tensor) -> Tensor:
        recorded.setdefault(site, []).append(weights)
        return weights

    with explicit_attention(model, watch):
        yield recorded


@contextmanager
def watch_attention(model: nn.Module, watch: Watch) -> Iterator[None]:
    """Within the block, `watch(site, seen)` sees weights, values, logits and mask of each pass; see above."""
    with _hooked(model, "watch", watch):
        yield


@contextmanager
def _hooked(model: nn.Module, name: str, hook: Watch | EditWeights) -> Iterator[None]:
    watched = [module for module in model.modules() if isinstance(module, Watched)]
    before = [getattr(module, name) for module in watched]
    for module in watched:
        setattr(module, name, hook)
    try:
        yield
    finally:
        for module, previous in zip(watched, before, strict=True):
            setattr(module, name, previous)
