"""How much the loss needs each head."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.measures.attention_shares import HeadScore
from tuneformer.models.attention.explicit import WatchedHeads
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.block import Block
from tuneformer.models.parts import site_of

Losses = Callable[[], Float[Tensor, " example"]]
LossesOfCopies = Callable[[int], Float[Tensor, " copy_and_example"]]
EditHeads = Callable[[Tensor], Tensor]
By = Literal["zero", "mean"]
Part = list[tuple[WatchedHeads, int]]
Track = Callable[[Sequence[Part]], Iterable[Part]]


def importance_by_ablation(
    model: nn.Module, losses: LossesOfCopies, *, by: By, at_once: int, track: Track
) -> dict[AttentionSite, HeadScore]:
    """Return L(without head h) - L of each head, in the unit of the loss (1905.10650, section 3).

    "zero" takes what the head gives its output matrix away; "mean" puts its mean over sequences and tokens
    there, so that what the layers after it have come to expect stays. Above 0 the head helps, below it
    harms. Null: a model with random weights, where it is about 0. A pass reads the examples `at_once`
    times, each time without another head, and begins with the first layer that has one of them.

    Args:
        model: in evaluation mode; it is left as it was.
        losses: runs the model on so many copies of the examples, one behind the other, and gives the loss of
            each example of each copy; it has no randomness.
        by: what stands in place of the head.
        at_once: heads of one pass.
        track: shows how far the passes are.
    """
    heads = [(shell, head) for shell in _shells(model) for head in range(_n_heads(shell))]
    parts = [heads[start : start + at_once] for start in range(0, len(heads), at_once)]
    changes: dict[AttentionSite, list[Tensor]] = {}
    with torch.no_grad():
        with _kept_inputs(model) as inputs:
            intact = losses(1).mean()
        for part in track(parts):
            with ExitStack() as without, _resumed_at(part[0][0], inputs, n_copies=len(part)):
                for shell in dict.fromkeys(shell for shell, _ in part):
                    copies = {copy: head for copy, (of, head) in enumerate(part) if of is shell}
                    without.enter_context(edited_heads(shell, _without(copies, by, n_copies=len(part))))
                means = losses(len(part)).unflatten(0, (len(part), -1)).mean(dim=1)
            for (shell, _), mean in zip(part, means, strict=True):
                changes.setdefault(shell.site, []).append(mean - intact)
    return {site: torch.stack(of_site) for site, of_site in changes.items()}


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
    with torch.enable_grad(), ExitStack() as with_gates:
        for shell in shells:
            with_gates.enter_context(edited_heads(shell, gated(shell.site)))
        total = losses().sum()
    gradients = torch.autograd.grad(total, list(gates.values()))
    return {
        site: gradient[:, 0, :, 0].abs().mean(dim=0) for site, gradient in zip(gates, gradients, strict=True)
    }


@contextmanager
def edited_heads(shell: WatchedHeads, edit: EditHeads) -> Iterator[None]:
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


def _shells(model: nn.Module) -> list[WatchedHeads]:
    return [module for module in model.modules() if isinstance(module, WatchedHeads)]


@contextmanager
def _kept_inputs(model: nn.Module) -> Iterator[dict[Block, Tensor]]:
    """What each layer is given within the block, by layer."""
    inputs: dict[Block, Tensor] = {}
    blocks = [module for module in model.modules() if isinstance(module, Block)]

    def keep(block: nn.Module, given: tuple[Any, ...]) -> None:
        assert isinstance(block, Block)
        inputs[block] = given[0]

    handles = [block.register_forward_pre_hook(keep) for block in blocks]
    try:
        yield inputs
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _resumed_at(shell: WatchedHeads, inputs: Mapping[Block, Tensor], *, n_copies: int) -> Iterator[None]:
    """Within the block, passes leave out what lies before the layer of `shell` in its stack.

    The first layer always runs: those behind it may ask for its values.
    """
    here = next((block for block in inputs if shell in block.modules()), None)
    if here is None:
        yield
        return
    stack, layer = site_of(here)
    skipped = [
        block for block in inputs if site_of(block).stack == stack and 0 < site_of(block).layer < layer
    ]

    def resume(block: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        del block
        return (inputs[here].repeat(n_copies, 1, 1), *given[1:])

    handle = here.register_forward_pre_hook(resume) if skipped else None
    for block in skipped:
        block.forward = _pass_on  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        if handle is not None:
            handle.remove()
        for block in skipped:
            del block.forward


def _pass_on(x: Tensor, *shared: object) -> Tensor:
    del shared
    return x


def _n_heads(shell: WatchedHeads) -> int:
    return shell.output.in_features // shell.head_dim


def _without(removed: Mapping[int, int], by: By, *, n_copies: int) -> EditHeads:
    """Take out of each copy of the examples its head: copy -> head."""

    def edit(heads: Tensor) -> Tensor:
        copies = heads.unflatten(0, (n_copies, -1)).clone()  # (copy, example, time, head, value)
        for copy, head in removed.items():
            one = copies[copy, :, :, head]
            copies[copy, :, :, head] = 0.0 if by == "zero" else one.mean(dim=(0, 1))
        return copies.flatten(0, 1)

    return edit
