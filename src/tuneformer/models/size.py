"""How large a model is and what a token costs."""

from torch import nn

from tuneformer.models.attention.shell import AttentionShell
from tuneformer.models.decoder import Decoder


def n_parameters(model: nn.Module) -> int:
    """Return the number of trained numbers, each parameter counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


def n_position_parameters(model: nn.Module) -> int:
    """Return those of learned positions, which some published counts leave out (nanoGPT's does)."""
    return sum(p.numel() for name, p in model.named_parameters() if name.startswith("position_embedding."))


def flops_per_token(model: Decoder, *, context_length: int) -> float:
    """Return the floating-point operations of training on one token: forward and backward pass.

    6 N + 3 sum over layers of what mixing costs: N counts the parameters that multiply (not the looked-up
    embeddings, unless tied to the output), and each multiplies and adds once forward and twice
    backward. Mixing (`AttentionShell.mixing_flops`) is over a full context, not halved for the causal
    mask: 4 d_model context_length a layer for softmax attention (PaLM, arXiv 2204.02311, appendix B).
    """
    looked_up = n_position_parameters(model)
    if model.output is not None:
        looked_up += model.token_embedding.weight.numel()
    multiplied = n_parameters(model) - looked_up
    shells = (module for module in model.modules() if isinstance(module, AttentionShell))
    return 6.0 * multiplied + 3.0 * sum(shell.mixing_flops(context_length) for shell in shells)
