import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tuneformer.models.norms import RMSNorm, RMSNormOnCPU, make_norm

pytestmark = pytest.mark.fast


def drawn(*shape: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def rms_norm_by_numpy(x: np.ndarray, gain: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * gain


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e3])
def test_rms_norm_is_its_equation(scale: float) -> None:
    norm = RMSNorm(8).double()
    nn.init.normal_(norm.weight, generator=torch.Generator().manual_seed(3))
    x = drawn(2, 3, 8, dtype=torch.float64) * scale + 0.5 * scale
    expected = rms_norm_by_numpy(x.numpy(), norm.weight.detach().numpy())
    np.testing.assert_allclose(norm(x).detach().numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_layer_norm_is_its_equation(bias: bool) -> None:
    norm = make_norm("layer_norm", width=8, bias=bias).double()
    for index, parameter in enumerate(norm.parameters()):
        nn.init.normal_(parameter, generator=torch.Generator().manual_seed(index))
    x = drawn(2, 3, 8, dtype=torch.float64).numpy() + 0.5
    gain, *offset = (parameter.detach().numpy() for parameter in norm.parameters())
    assert len(offset) == bias
    centred = x - x.mean(-1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * gain + sum(offset)
    np.testing.assert_allclose(norm(torch.from_numpy(x)).detach().numpy(), expected, rtol=1e-12)


def test_gradients_of_the_fast_rms_norm_are_right_to_first_and_second_order() -> None:
    x = (drawn(2, 3, 5, dtype=torch.float64) + 0.7).requires_grad_()
    gain = drawn(5, dtype=torch.float64, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(RMSNormOnCPU.apply, (x, gain))
    assert torch.autograd.gradgradcheck(RMSNormOnCPU.apply, (x, gain))


def test_the_fast_rms_norm_has_the_gradients_of_torchs_own_in_float32() -> None:
    x, dy = drawn(4, 9, 32, dtype=torch.float32) + 0.7, drawn(4, 9, 32, dtype=torch.float32, seed=2)
    gain = drawn(32, dtype=torch.float32, seed=1)
    exact = [tensor.double().requires_grad_() for tensor in (x, gain)]
    expected = torch.autograd.grad(torch.rms_norm(exact[0], [32], exact[1], 1e-6), exact, dy.double())
    fast = [tensor.clone().requires_grad_() for tensor in (x, gain)]
    y = RMSNormOnCPU.apply(*fast)
    assert isinstance(y, Tensor)
    for one, other in zip(torch.autograd.grad(y, fast, dy), expected, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=1e-5)


def test_rms_norm_can_be_differentiated_by_torch_func() -> None:
    norm = RMSNorm(4).double()
    x = drawn(3, 4, dtype=torch.float64)

    def total(gain: Tensor) -> Tensor:
        return torch.func.functional_call(norm, {"weight": gain}, (x,)).square().sum()

    gain = drawn(4, dtype=torch.float64, seed=1)
    normed = rms_norm_by_numpy(x.numpy(), np.ones(4))
    expected = np.diag(2 * (normed**2).sum(0))
    np.testing.assert_allclose(torch.func.jacrev(torch.func.grad(total))(gain).numpy(), expected, atol=1e-12)


def test_rms_norm_in_bfloat16_is_within_its_rounding() -> None:
    x = drawn(4, 32, dtype=torch.bfloat16)
    norm = RMSNorm(32).bfloat16()
    y = norm(x)
    assert y.dtype == torch.bfloat16
    expected = rms_norm_by_numpy(x.double().numpy(), np.ones(32))
    np.testing.assert_allclose(y.detach().double().numpy(), expected, rtol=2**-8)
