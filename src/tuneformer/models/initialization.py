"""Initial weights by named schemes."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tuneformer.models.choice import choose
from tuneformer.models.positions import LearnedPositions

RESIDUAL_OUTPUTS = ("attention.output", "feed_forward.down")


EMBEDDING_STD = 0.02


@dataclass(frozen=True, kw_only=True)
class Place:
    """The model that a weight matrix belongs to, and its place there.

    Attributes:
        base_width: the width at which muP is the standard parametrisation; None without it.
        layer: the layer of its stack that it is in, from 1; None outside the layers.
    """

    d_model: int
    n_layers: int
    base_width: int | None
    layer: int | None
    is_embedding: bool
    is_output: bool
    is_residual_output: bool


def gpt2(weight: Tensor, place: Place) -> None:
    """normal(0, 0.02); what feeds the residual stream is divided by sqrt(2 n_layers).

    Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", 2.3, and its code.
    """
    scale = 1 / math.sqrt(2 * place.n_layers) if place.is_residual_output else 1.0
    nn.init.normal_(weight, std=0.02 * scale)


def xavier(weight: Tensor, place: Place) -> None:
    """uniform(-a, a), a = sqrt(6 / (fan_in + fan_out)); embeddings normal(0, 1 / sqrt(d_model)).

    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks"; the embeddings as in the code of arXiv 1706.03762.
    """
    if place.is_embedding:
        nn.init.normal_(weight, std=1 / math.sqrt(place.d_model))
    else:
        nn.init.xavier_uniform_(weight)


def zero_output(weight: Tensor, place: Place) -> None:
    """normal(0, sqrt(2 / (5 d_model))); what feeds the residual stream is 0, so each layer begins as nothing.

    The normal: SmallInit, arXiv 1910.05895, 2.2. Zero at the end of each branch: arXiv 1901.09321.
    """
    if place.is_residual_output:
        nn.init.zeros_(weight)
    else:
        nn.init.normal_(weight, std=math.sqrt(2 / (5 * place.d_model)))


def depth_scaled(weight: Tensor, place: Place) -> None:
    """xavier, divided by sqrt(l) in layer l = 1, 2, ..., so that deep post-norm stacks train.

    DS-Init with alpha = 1 (Zhang, Titov and Sennrich, arXiv 1908.11365, 4.1).
    """
    xavier(weight, place)
    if place.layer is not None:
        weight.div_(math.sqrt(place.layer))


def mup(weight: Tensor, place: Place) -> None:
    """normal(0, 1 / sqrt(fan_in)), embeddings normal(0, 0.02): the same size at every width.

    What feeds the residual stream is divided by sqrt(2 n_layers), as in `gpt2`. An output matrix has the
    deviation of the base width at every width: it is the multiplier of the logits that follows the width.
    Tensor Programs V, arXiv 2203.03466, table 8.
    """
    if place.is_embedding:
        nn.init.normal_(weight, std=EMBEDDING_STD)
        return
    fan_in = place.base_width if place.is_output and place.base_width is not None else weight.shape[1]
    scale = 1 / math.sqrt(2 * place.n_layers) if place.is_residual_output else 1.0
    nn.init.normal_(weight, std=scale / math.sqrt(fan_in))


Scheme = Callable[[Tensor, Place], None]
SCHEMES: dict[str, Scheme] = {
    "gpt2": gpt2,
    "xavier": xavier,
    "zero_output": zero_output,
    "depth_scaled": depth_scaled,
    "mup": mup,
}
IN_LAYER = re.compile(r"blocks\.(\d+)\.")


@torch.no_grad()
def initialize(
    model: nn.Module, *, scheme: str, d_model: int, n_layers: int, base_width: int | None = None
) -> None:
    """Draw every parameter of `model`, module by module in the order of `model.named_modules()`.

    Weights of linear layers and embeddings follow the scheme; linear biases are 0; any other module
    that owns parameters has `reset_parameters` (norms: gain 1, bias 0). Draws come from torch's
    default generator on the CPU in float32, so that a seed gives the same weights on every device. On
    the meta device nothing is drawn.

    Raises:
        UserError: there is no such scheme.
    """
    draw = choose("model.initialization", scheme, SCHEMES)
    for name, module in model.named_modules():
        own = list(module.parameters(recurse=False))
        if not own or own[0].is_meta:
            continue
        if not isinstance(module, nn.Linear | nn.Embedding | LearnedPositions):
            reset = getattr(module, "reset_parameters", None)
            assert callable(reset), (
                f"{name} ({type(module).__name__}) owns parameters, so it needs reset_parameters"
            )
            reset()
            continue
        in_layer = IN_LAYER.search(name)
        place = Place(
            d_model=d_model,
            n_layers=n_layers,
            base_width=base_width,
            layer=None if in_layer is None else int(in_layer[1]) + 1,
            is_embedding=not isinstance(module, nn.Linear),
            is_output=name == "output",
            is_residual_output=name.endswith(RESIDUAL_OUTPUTS),
        )
        drawn = torch.empty(module.weight.shape, dtype=torch.float32, device="cpu")
        draw(drawn, place)
        module.weight.copy_(drawn)
        if isinstance(module, nn.Linear) and module.bias is not None:
            module.bias.zero_()
