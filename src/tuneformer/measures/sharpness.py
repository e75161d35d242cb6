"""The largest eigenvalues of a Hessian, by Lanczos on its products with vectors."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

Vector = Float[Tensor, " dim"]
Product = Callable[[Vector], Vector]


@dataclass(frozen=True, kw_only=True)
class Eigenvalues:
    """The largest eigenvalues that were found.

    Attributes:
        values: from the largest on, in the unit of the loss over that of the parameters squared.
        errors: of each |H u - value u| for its vector u: an eigenvalue lies within this distance.
        converged: whether every error is within the tolerance, relative to the largest eigenvalue.
        n_products: products with the Hessian that it took.
    """

    values: list[float]
    errors: list[float]
    converged: bool
    n_products: int

    @property
    def largest(self) -> float:
        """The sharpness."""
        return self.values[0]


def sharpness(
    loss: Callable[[], Tensor],
    parameters: Sequence[Tensor],
    *,
    k: int,
    max_products: int,
    tolerance: float,
    seed: int,
) -> Eigenvalues:
    """Return the k largest eigenvalues of the Hessian of a loss (2103.00065).

    Gradient descent is stable below 2 / lr, and of itself comes to hover there. Null: the
    same at initialisation. All is computed in the precision of the parameters, on their device.

    Args:
        loss: computes it anew, without randomness; run it where second derivatives are, within
            `models.differentiable.twice_differentiable(model)`.
        parameters: those that it depends on; not sharded. They are left as they are, `grad` too.
        k: eigenvalues.
        max_products: bound on the products, each of about two backward passes; it holds that many vectors.
        tolerance: of the errors, relative to the largest eigenvalue.
        seed: of the vector to start from.
    """
    product = hessian_product(loss, parameters)
    return largest_eigenvalues(
        product, _start(parameters, seed), k=k, max_products=max_products, tolerance=tolerance
    )


def adam_sharpness(
    loss: Callable[[], Tensor],
    parameters: Sequence[Tensor],
    preconditioner: Sequence[Tensor],
    *,
    k: int,
    max_products: int,
    tolerance: float,
    seed: int,
) -> Eigenvalues:
    """Return the k largest eigenvalues of P^(-1/2) H P^(-1/2), which are those of P^-1 H (2207.14484).

    Adam is stable below `adam_limit`, 38 / lr at b1 = 0.9, and of itself comes to hover there.

    Args:
        loss: see `sharpness`.
        parameters: see `sharpness`.
        preconditioner: the diagonal of P for each parameter, above 0: `adam_preconditioner`.
        k: see `sharpness`.
        max_products: see `sharpness`.
        tolerance: see `sharpness`.
        seed: see `sharpness`.
    """
    product = hessian_product(loss, parameters)
    root = torch.cat([p.detach().flatten() for p in preconditioner]).rsqrt()
    return largest_eigenvalues(
        lambda v: root * product(root * v),
        _start(parameters, seed),
        k=k,
        max_products=max_products,
        tolerance=tolerance,
    )


def adam_preconditioner(
    second_moment: Tensor, *, step: int, beta1: float, beta2: float, eps: float
) -> Tensor:
    """Return the diagonal of P = (1 - b1^t) (sqrt(v / (1 - b2^t)) + eps), of steps lr P^-1 m (2207.14484).

    Args:
        second_moment: v, the running mean of g^2 before its correction.
        step: t, steps taken, from 1.
        beta1: of the first moment.
        beta2: of the second.
        eps: added to the root.
    """
    return (1 - beta1**step) * ((second_moment / (1 - beta2**step)).sqrt() + eps)


def gradient_descent_limit(lr: float) -> float:
    """Return 2 / lr: above it gradient descent diverges on a quadratic."""
    return 2 / lr


def adam_limit(lr: float, beta1: float) -> float:
    """Return (2 + 2 b1) / ((1 - b1) lr): above it Adam of a constant P diverges on a quadratic."""
    return (2 + 2 * beta1) / ((1 - beta1) * lr)


def hessian_product(loss: Callable[[], Tensor], parameters: Sequence[Tensor]) -> Product:
    """Return v -> H v, H the Hessian of the loss where the parameters are now: the gradient of g v.

    The loss is computed once; the graph of its gradient lives as long as the product.
    """
    with torch.enable_grad():
        gradients = torch.autograd.grad(
            loss(), parameters, create_graph=True, allow_unused=True, materialize_grads=True
        )
        flat = torch.cat([gradient.flatten() for gradient in gradients])

    def product(v: Vector) -> Vector:
        if not flat.requires_grad:  # the loss is linear
            return torch.zeros_like(v)
        parts = torch.autograd.grad(
            flat, parameters, v, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        return torch.cat([part.flatten() for part in parts])

    return product


def largest_eigenvalues(
    product: Product, start: Vector, *, k: int, max_products: int, tolerance: float
) -> Eigenvalues:
    """Return the k largest eigenvalues of a symmetric matrix, known by its products (Lanczos 1950).

    With q_1 the start, b_j q_(j+1) = A q_j - a_j q_j - b_(j-1) q_(j-1); the eigenvalues of the tridiagonal
    matrix of a and b tend to the outer ones of A, each with error b_m |last entry of its vector|. Every
    new q is made orthogonal to all before, twice, without which rounding brings copies of eigenvalues. A
    repeated eigenvalue is found once.

    Args:
        product: v -> A v.
        start: any vector but 0, best a random one: what is orthogonal to it is not found.
        k: eigenvalues; fewer where the vectors reached have no more, NaN where A v is not finite.
        max_products: bound on the products.
        tolerance: of the errors, relative to the largest eigenvalue.
    """
    assert 1 <= k <= max_products, f"{k} eigenvalues need at least as many products, not {max_products}"
    basis = [start / torch.linalg.vector_norm(start)]
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        w = product(basis[-1])
        diagonal.append(float(basis[-1] @ w))
        for q in (*basis, *basis):
            w = w - (q @ w) * q
        beside.append(float(torch.linalg.vector_norm(w)))
        if not math.isfinite(beside[-1]):
            return Eigenvalues(values=[math.nan], errors=[math.nan], converged=False, n_products=len(basis))
        values, errors = _ritz(diagonal, beside, k=k)
        size = max(map(abs, diagonal + beside[:-1]))
        exhausted = beside[-1] <= 10 * torch.finfo(w.dtype).eps * size or len(basis) == start.numel()
        converged = len(values) == k and max(errors) <= tolerance * abs(values[0])
        if converged or exhausted or len(basis) == max_products:
            return Eigenvalues(
                values=values, errors=errors, converged=converged or exhausted, n_products=len(basis)
            )
        basis.append(w / beside[-1])


def _ritz(diagonal: list[float], beside: list[float], *, k: int) -> tuple[list[float], list[float]]:
    t = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    off = torch.tensor(beside[:-1], dtype=torch.float64)
    values, vectors = torch.linalg.eigh(t + torch.diag(off, 1) + torch.diag(off, -1))
    errors = beside[-1] * vectors[-1].abs()
    return values.flip(0)[:k].tolist(), errors.flip(0)[:k].tolist()


def _start(parameters: Sequence[Tensor], seed: int) -> Vector:
    # drawn on the CPU: the same on every device
    generator = torch.Generator().manual_seed(seed)
    size = sum(p.numel() for p in parameters)
    return torch.randn(size, generator=generator, dtype=torch.float64).to(parameters[0])
