"""See attention weights, or change them, in any model made of attention shells."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from tuneformer.models.attention.shell import AttentionShell, EditWeights


@contextmanager
def explicit_attention(model: nn.Module, edit: EditWeights) -> Iterator[None]:
    """Within the block, the model computes attention weights explicitly and passes them through `edit`.

    `edit(layer, weights)` receives the weights (batch, head, query, key) of layer `layer` before
    dropout and returns those to use: the same to watch, others to intervene. To take head 2 out of
    layer 1:

        def ablate(layer, weights):
            keep = torch.ones(weights.shape[1], 1, 1)
            keep[2] = 0
            return weights * keep if layer == 1 else weights

    Gradients flow through it, second derivatives too, which the fused path does not have on every
    device.
    """
    shells = [module for module in model.modules() if isinstance(module, AttentionShell)]
    before = [shell.edit_weights for shell in shells]
    for shell in shells:
        shell.edit_weights = edit
    try:
        yield
    finally:
        for shell, previous in zip(shells, before, strict=True):
            shell.edit_weights = previous


@contextmanager
def record_attention(model: nn.Module) -> Iterator[dict[int, list[Tensor]]]:
    """Within the block, collect the attention weights of each forward pass, by layer.

    with record_attention(model) as weights:
        model(tokens)
    weights[0][-1]  # (batch, head, query, key) of layer 0 in the last pass
    """
    recorded: dict[int, list[Tensor]] = {}

    def watch(layer: int, weights: Tensor) -> Tensor:
        recorded.setdefault(layer, []).append(weights)
        return weights

    with explicit_attention(model, watch):
        yield recorded
