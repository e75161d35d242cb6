"""Measures of gradients and of the steps that they become."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributed.tensor import DTensor

from tuneformer.measures.precision import full_precision

_LAYER = re.compile(r"(?:.*\.)?(?:\w*blocks|cells|layers)\.\d+(?=\.)")


def layer_of(name: str) -> str:
    """Return the layer that a parameter belongs to: "blocks.3" of "blocks.3.attention.query.weight".

    What stands in no layer is one by its own: "token_embedding" of "token_embedding.weight".
    """
    found = _LAYER.match(name)
    return found.group(0) if found else name.rpartition(".")[0] or name


def norms_by_layer(tensors: Mapping[str, Tensor], layer: Callable[[str], str] = layer_of) -> dict[str, float]:
    """Return |g_l| = sqrt(sum of g^2 over the tensors of a layer), for each layer in order of appearance.

    Their squares add up to the square of the total norm. For gradients as for weights; sharded tensors
    count as wholes. It vanishes or explodes where it changes by orders of magnitude between neighbours;
    null: the same at initialisation.

    Args:
        tensors: by the name of their parameter.
        layer: from such a name to that of its layer.
    """
    squares: dict[str, float] = {}
    for name, tensor in tensors.items():
        of = layer(name)
        squares[of] = squares.get(of, 0.0) + _norm(tensor) ** 2
    return {of: square**0.5 for of, square in squares.items()}


def update_ratio(before: Iterable[Tensor], after: Iterable[Tensor]) -> float:
    """Return |W' - W| / |W|, the relative change of these weights in a step; about 1e-3 is healthy.

    A rule of thumb (Karpathy, "makemore" 4; CS231n notes, "neural networks 3"): far above it the weights
    have no time to settle, far below it they hardly learn. Of SGD it is lr |g| / |W|. NaN where W is 0.
    """
    moved = total = 0.0
    for old, new in zip(before, after, strict=True):
        moved += _norm(new - old) ** 2
        total += _norm(old) ** 2
    return (moved / total) ** 0.5 if total else float("nan")


def update_ratio_by_row(
    before: Float[Tensor, "row column"], after: Float[Tensor, "row column"]
) -> Float[Tensor, " row"]:
    """Return |w' - w| / |w| of each row; NaN where w is 0.

    Of an embedding: 0 is a token that no batch held, under an optimizer without weight decay.
    """
    norm = torch.linalg.vector_norm
    return norm(full_precision(after - before), dim=1) / norm(full_precision(before), dim=1)


@dataclass(frozen=True, kw_only=True)
class NoiseScale:
    """How noisy a gradient is (1812.06162).

    Attributes:
        gradient_square: |G|^2 of the true gradient.
        trace: tr(Sigma), the variance of one example's gradient summed over parameters.
    """

    gradient_square: float
    trace: float

    @property
    def examples(self) -> float:
        """B = tr(Sigma) / |G|^2, in examples: far below it a larger batch saves steps, far above it none.

        Null: of pure noise |G|^2 is 0 in the mean and B is infinite, or negative by chance.
        """
        return self.trace / self.gradient_square if self.gradient_square else float("inf")


def noise_scale(small_square: float, big_square: float, *, small_batch: int, big_batch: int) -> NoiseScale:
    """Return the noise scale from the squared norms of gradients of two batch sizes (1812.06162, appendix A).

        |G|^2     = (B_big |g_big|^2 - B_small |g_small|^2) / (B_big - B_small)
        tr(Sigma) = (|g_small|^2 - |g_big|^2) / (1 / B_small - 1 / B_big)

    Both are unbiased and noisy: give the means of the squares over steps, or of parts of one batch.

    Args:
        small_square: |g|^2 of mean gradients over `small_batch` examples.
        big_square: the same over `big_batch`.
        small_batch: examples.
        big_batch: examples, more than that.
    """
    assert 0 < small_batch < big_batch, f"{small_batch} examples must be fewer than {big_batch}"
    square = (big_batch * big_square - small_batch * small_square) / (big_batch - small_batch)
    trace = (small_square - big_square) / (1 / small_batch - 1 / big_batch)
    return NoiseScale(gradient_square=square, trace=trace)


def _norm(tensor: Tensor) -> float:
    norm = torch.linalg.vector_norm(full_precision(tensor))
    return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)
