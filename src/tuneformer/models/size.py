"""How large a model is and what a token costs."""

import re
from collections.abc import Mapping
from typing import Protocol, cast, runtime_checkable

from torch import nn

_AT_AN_END = re.compile(r"(position_embedding|output)\.")


@runtime_checkable
class CountsFlops(Protocol):
    """A model that knows what its forward pass costs."""

    def n_positions(self, n_tokens: int | float) -> int | float:
        """Return the tokens or patches that one example of `n_tokens` tokens (on each side) has."""
        ...

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over one such example."""
        ...


def n_parameters(model: nn.Module) -> int:
    """Return the number of a model's numbers, each parameter counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


def n_trained_parameters(model: nn.Module) -> int:
    """Return the same without those that are frozen."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def n_position_parameters(model: nn.Module) -> int:
    """Return those of learned positions, which some published counts leave out (nanoGPT's does)."""
    return sum(p.numel() for name, p in model.named_parameters() if name.startswith("position_embedding."))


def n_parameters_beside_embeddings(model: nn.Module) -> int:
    """Return those of the layers: without the tables of tokens and positions, and without the output matrix.

    The size that laws of scale are published in (2001.08361, 2503.04715).
    """
    rule_names: Mapping[str, str] = getattr(model, "rule_names", dict)()
    tables = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, nn.Embedding)
        for parameter in module.parameters()
    }
    return sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if id(parameter) not in tables and not _AT_AN_END.match(rule_names.get(name, name))
    )


def flops_per_example(model: nn.Module, *, n_tokens: int | float) -> float:
    """Return the floating-point operations of training on one example: forward and backward pass.

    3 times those of the forward pass: each product is done once forward and twice backward. Embeddings
    that are looked up cost nothing. `n_tokens`: of a text, or of source and of target each; a model of
    images does not read it.
    """
    return 3.0 * cast(CountsFlops, model).forward_flops(n_tokens)


def flops_per_token(model: nn.Module, *, context_length: int | float) -> float:
    """Return the same for one token (or patch) of an example of `context_length` tokens.

    Of a decoder: 6 N + 3 sum over layers of what mixing costs, N the parameters that multiply. Mixing
    (`AttentionBase.mixing_flops`) is over a full context, not halved for the causal mask: for softmax
    attention 4 d_model context_length a layer (PaLM, arXiv 2204.02311, appendix B). Of a model with a
    source and a target: the mean over both.
    """
    positions = cast(CountsFlops, model).n_positions(context_length)
    return flops_per_example(model, n_tokens=context_length) / positions
