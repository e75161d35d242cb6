"""Normalisations over the last dimension."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.models.choice import choose

EPSILON = 1e-6


class RMSNorm(nn.RMSNorm):
    """y = x / sqrt(mean(x^2) + 1e-6) * gain (arXiv 1910.07467)."""

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=EPSILON)

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """Apply the equation above, in the precision of the gain; y has that of x."""
        if x.dtype != self.weight.dtype:  # autocast: x is short, the gain is not
            return self(x.to(self.weight.dtype)).to(x.dtype)
        if not runs_on_cpu(x):
            return super().forward(x)
        y = RMSNormOnCPU.apply(x, self.weight)
        assert isinstance(y, Tensor)
        return y


def runs_on_cpu(x: Tensor) -> bool:
    """Return whether RMSNormOnCPU may run: uncompiled, in full precision, and not under torch.func."""
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.float64)
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
    )


class RMSNormOnCPU(torch.autograd.Function):
    """The same equation, several times faster than torch's on a CPU where batches are large.

    torch has a fused backward pass for layer_norm there and none for rms_norm. With u = gain * dy and
    r = 1 / sqrt(mean(x^2) + eps) they are

        rms_norm:   dx = r (u - x r mean(u x r))
        layer_norm: dx = r (u - x r mean(u x r) - mean(u))    told that the mean is 0 and that r is this

    so that r mean(u) added to the second gives the first; the gradient of the gain is the same.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        r = length.square_().mul_(1 / x.shape[-1]).add_(EPSILON).rsqrt_()
        ctx.save_for_backward(x, gain, r)
        return (x * r).mul_(gain)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, gain, r = ctx.saved_tensors
        if torch.is_grad_enabled():  # to be differentiated again, which needs r as a function of x
            r = (x.square().mean(-1, keepdim=True) + EPSILON).rsqrt()
            u, normed = dy * gain, x * r
            dx = r * (u - normed * (u * normed).mean(-1, keepdim=True))
            return dx, (dy * normed).flatten(0, -2).sum(0)
        dx, dgain, _ = torch.ops.aten.native_layer_norm_backward(
            dy, x, list(gain.shape), torch.zeros_like(r), r, gain, None, [True, True, False]
        )
        return dx.addcmul_(r, (dy @ gain).unsqueeze(-1), value=1 / x.shape[-1]), dgain


def rms_norm(width: int, *, bias: bool) -> nn.Module:
    """Return an RMSNorm; it never has a bias."""
    del bias
    return RMSNorm(width)


def layer_norm(width: int, *, bias: bool) -> nn.Module:
    """y = (x - mean(x)) / sqrt(var(x) + 1e-5) * gain + bias (arXiv 1607.06450)."""
    return nn.LayerNorm(width, bias=bias)


NORMS = {"rms_norm": rms_norm, "layer_norm": layer_norm}


def make_norm(name: str, *, width: int, bias: bool) -> nn.Module:
    """Return the norm that `model.norm` names, for vectors of `width` numbers."""
    return choose("model.norm", name, NORMS)(width, bias=bias)
