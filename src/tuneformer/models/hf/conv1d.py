"""GPT-2's matrices the way all others lie: a row for each output."""

import torch
from torch import Tensor, nn

QUERY_KEY_VALUE = (1, 1, 1)


class LinearOfConv1D(nn.Linear):
    """What was a Conv1D of transformers, which keeps its matrix as (in, out)."""


def with_linear_layers(model: nn.Module) -> None:
    """Put a linear layer of the same values in place of each Conv1D.

    An optimizer for matrices takes rows for outputs, and cuts query, key and value of a fused matrix apart as
    rows.
    """
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child).__name__ == "Conv1D":
                setattr(module, name, _linear(child))


def as_the_library_has_it(model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state of `model` in which the matrices of former Conv1D lie as (in, out) again."""
    turned = {
        f"{name}.weight" for name, module in model.named_modules() if isinstance(module, LinearOfConv1D)
    }
    return {name: tensor.T.contiguous() if name in turned else tensor for name, tensor in state.items()}


def _linear(conv: nn.Module) -> LinearOfConv1D:
    weight, bias = conv.weight, conv.bias
    assert isinstance(weight, Tensor)
    n_inputs, n_outputs = weight.shape
    with torch.device("meta"):
        linear = LinearOfConv1D(n_inputs, n_outputs)
    linear.weight = nn.Parameter(weight.detach().T.contiguous())
    linear.bias = nn.Parameter(bias.detach())  # pyright: ignore[reportCallIssue]
    return linear
