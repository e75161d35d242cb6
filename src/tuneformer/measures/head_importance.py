"""How much the loss needs each head."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.measures.attention_shares import HeadScore
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.attention.shell import AttentionShell

Losses = Callable[[], Float[Tensor, " example"]]
EditHeads = Callable[[Tensor], Tensor]
By = Literal["zero", "mean"]


def importance_by_ablation(model: nn.Module, losses: Losses, *, by: By) -> dict[AttentionSite, HeadScore]:
    """Return L(without head h) - L of each head, in the unit of the loss (1905.10650, section 3).

    "zero" takes what the head gives its output matrix away; "mean" puts its mean over sequences and tokens
    there, so that what the layers after it have come to expect stays. Above 0 the head helps, below it
    harms. Null: a model with random weights, where it is about 0. One pass for each head, and one.

    Args:
        model: in evaluation mode; it is left as it was.
        losses: runs the model, gives a loss for each example, and has no randomness.
        by: what stands in place of the head.
    """
    scores = {}
    with torch.no_grad():
        intact = losses().mean()
        for shell in _shells(model):
            changes = []
            for head in range(shell.output.in_features // shell.head_dim):
                with edited_heads(shell, _without(head, by)):
                    changes.append(losses().mean() - intact)
            scores[shell.layer.site] = torch.stack(changes)
    return scores


def importance_by_gradient(model: nn.Module, losses: Losses) -> dict[AttentionSite, HeadScore]:
    """Return E |dL / d xi_h| over examples, xi_h = 1 a gate on what head h gives (1905.10650, equation 2).

    The first-order estimate of every head's ablation by one backward pass. Null: a model with random
    weights. `grad` of the parameters is left as it was.

    Args:
        model: see `importance_by_ablation`.
        losses: see there; each loss depends on its own example alone, in the order of the batch.
    """
    gates: dict[AttentionSite, Tensor] = {}

    def gated(site: AttentionSite) -> EditHeads:
        def edit(heads: Tensor) -> Tensor:
            gates[site] = torch.ones_like(heads[:, :1, :, :1]).requires_grad_()
            return heads * gates[site]

        return edit

    shells = _shells(model)
    if not shells:  # the attention of a recurrent model has no heads to close
        return {}
    with torch.enable_grad(), _all_edited(shells, gated):
        total = losses().sum()
    gradients = torch.autograd.grad(total, list(gates.values()))
    return {
        site: gradient[:, 0, :, 0].abs().mean(dim=0) for site, gradient in zip(gates, gradients, strict=True)
    }


@contextmanager
def edited_heads(shell: AttentionShell, edit: EditHeads) -> Iterator[None]:
    """Within the block, `edit` changes what the output matrix is given: (batch, time, head, value).

    It is what the heads give after norms and gates of their own, on the fused path as on the explicit one.
    """

    def before(module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        del module
        heads = inputs[0].unflatten(-1, (-1, shell.head_dim))
        return (edit(heads).flatten(-2),)

    handle = shell.output.register_forward_pre_hook(before)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _all_edited(shells: list[AttentionShell], edit: Callable[[AttentionSite], EditHeads]) -> Iterator[None]:
    if not shells:
        yield
        return
    with edited_heads(shells[0], edit(shells[0].layer.site)), _all_edited(shells[1:], edit):
        yield


def _shells(model: nn.Module) -> list[AttentionShell]:
    return [module for module in model.modules() if isinstance(module, AttentionShell)]


def _without(head: int, by: By) -> EditHeads:
    def edit(heads: Tensor) -> Tensor:
        heads = heads.clone()
        heads[:, :, head] = 0.0 if by == "zero" else heads[:, :, head].mean(dim=(0, 1))
        return heads

    return edit
