import math

import numpy as np
import pytest
import torch
from torch import nn

from tuneformer.errors import UserError
from tuneformer.models.feed_forward import FEED_FORWARDS, default_d_ff, make_feed_forward

pytestmark = pytest.mark.fast


def linear(layer: nn.Module, x: np.ndarray) -> np.ndarray:
    assert isinstance(layer, nn.Linear)
    y = x @ layer.weight.detach().numpy().T
    return y if layer.bias is None else y + layer.bias.detach().numpy()


def by_numpy(name: str, layer: nn.Module, x: np.ndarray) -> np.ndarray:
    parts = dict(layer.named_children())
    up = linear(parts["up"], x)
    if name == "gelu":
        hidden = up * (1 + np.vectorize(math.erf)(up / math.sqrt(2))) / 2
    elif name == "squared_relu":
        hidden = np.where(up > 0, up, 0) ** 2
    else:
        gate = linear(parts["gate"], x)
        hidden = gate / (1 + np.exp(-gate)) * up
    return linear(parts["down"], hidden)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", FEED_FORWARDS)
def test_feed_forward_is_its_equation(name: str, bias: bool) -> None:
    torch.default_generator.manual_seed(0)
    layer = make_feed_forward(name, d_model=6, d_ff=10, bias=bias).double()
    x = torch.randn(2, 3, 6, dtype=torch.float64)
    np.testing.assert_allclose(layer(x).detach().numpy(), by_numpy(name, layer, x.numpy()), atol=1e-12)


@pytest.mark.parametrize("name", FEED_FORWARDS)
def test_feed_forward_gradients_match_finite_differences(name: str) -> None:
    torch.default_generator.manual_seed(0)
    layer = make_feed_forward(name, d_model=3, d_ff=5, bias=True).double()
    x = torch.randn(1, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x,))


@pytest.mark.parametrize("d_model", [32, 128, 384, 768])
def test_all_kinds_have_about_eight_squared_widths_of_parameters(d_model: int) -> None:
    for name in FEED_FORWARDS:
        with torch.device("meta"):
            layer = make_feed_forward(name, d_model=d_model, d_ff=None, bias=False)
        n_parameters = sum(parameter.numel() for parameter in layer.parameters())
        # rounding the hidden width up to a multiple of 8 adds three matrices of at most 7 rows
        assert 0 <= n_parameters - 8 * d_model**2 <= 21 * d_model


def test_swiglu_width_is_a_multiple_of_eight() -> None:
    assert default_d_ff("swiglu", d_model=128) == 344
    assert default_d_ff("swiglu", d_model=768) == 2048
    assert default_d_ff("gelu", d_model=128) == 512


def test_unknown_feed_forward_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.feed_forward=swiglo must be one of .* mean swiglu"):
        make_feed_forward("swiglo", d_model=6, d_ff=10, bias=False)
