"""By which names rules of parameter groups know the parameters of a network with names of its own."""

from collections.abc import Mapping

from torch import nn

from tuneformer.models.hf.layers import linear_layers
from tuneformer.models.hf.lora import base_of, weight_of


def names_for_rules(network: nn.Module, n_outputs: int, prefix: str) -> Mapping[str, str]:
    """By which name of our own models a rule knows the parameters of a network that answers with numbers.

    A parameter of its own, as a class token or a table of positions, is an embedding; what makes pixels into
    vectors, and vectors into the answer, is no hidden matrix. All other matrices are, the weight of a linear
    layer with one output (the A of an adapter of rank 1) among them.
    """
    names = {}
    outputs = [base_of(each) for each in linear_layers(network) if weight_of(each).shape[0] == n_outputs][-1:]
    for place, module in network.named_modules(prefix=prefix):
        for name, parameter in module.named_parameters(place, recurse=False):
            one_row = parameter.dim() > 1 and parameter.shape[0] == 1 and not isinstance(module, nn.Linear)
            if isinstance(module, nn.Embedding) or one_row:
                names.setdefault(name, "token_embedding.weight")
            elif parameter.dim() < 2:
                names[name] = "norm.weight"
            elif module in outputs or parameter.dim() > 2:
                names[name] = "output.weight"
    return names
