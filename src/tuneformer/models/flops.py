"""What the parts of a model cost: multiplications and additions of a forward pass, two of them a product."""

from torch import nn

from tuneformer.models.attention.base import AttentionBase


def matrix_flops(*modules: nn.Module | None) -> float:
    """Return what applying these modules to one token costs: 2 for each of their parameters.

    Norms and biases are counted like matrices (PaLM, arXiv 2204.02311, appendix B).
    """
    return 2.0 * sum(p.numel() for module in modules if module is not None for p in module.parameters())


def mixing_flops(blocks: nn.Module, *, n_keys: int | float, stacks: tuple[str, ...]) -> float:
    """Return what mixing `n_keys` keys costs one query in the attention modules of these stacks."""
    shells = (module for module in blocks.modules() if isinstance(module, AttentionBase))
    return sum(shell.mixing_flops(round(n_keys)) for shell in shells if shell.layer.site.stack in stacks)
