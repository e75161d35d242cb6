"""Measures of gradients and of the steps that they become."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tuneformer.measures.precision import full_precision
from tuneformer.measures.weights import weight_norm


def norms_by_part(gradients: Mapping[str, Iterable[Tensor]]) -> dict[str, Tensor]:
    """Return |g_l| = sqrt(sum of g^2 over the tensors of a part), for each part of a model.

    Their squares add up to the square of the total norm. It vanishes or explodes where it changes by orders
    of magnitude between neighbours; null: the same at initialisation.
    """
    return {part: weight_norm(tensors) for part, tensors in gradients.items()}


def update_ratio(before: Sequence[Tensor], after: Sequence[Tensor]) -> Tensor:
    """Return |W' - W| / |W|, the relative change of these weights in a step; about 1e-3 is healthy.

    A rule of thumb (Karpathy, "makemore" 4; CS231n notes, "neural networks 3"): far above it the weights
    have no time to settle, far below it they hardly learn. Of SGD it is lr |g| / |W|. Not finite where W is
    0.
    """
    moved = weight_norm(new.detach() - old for old, new in zip(before, after, strict=True))
    return moved / weight_norm(before)


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
