import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.attention_cost import (
    D_MODEL,
    build_layer,
    fitted_exponent,
    measure_attention_costs,
)
from tests.models.attention.modules import OPTIONS, described
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.forward_pass import ForwardPass

LINEAR = [name for name in OPTIONS if described(name).has_window or described(name).has_state]


@pytest.mark.fast
def test_the_exponent_of_a_power_law_is_found() -> None:
    lengths = [256, 512, 4096]
    assert fitted_exponent(lengths, [3 * n**1.7 for n in lengths]) == pytest.approx(1.7)


def products(option: str, length: int) -> int:
    """Operations in products of matrices, forward and backward."""
    module = build_layer(option, length)
    x = torch.randn(1, length, D_MODEL, requires_grad=True)
    # the counter does not know the processor's fused kernel
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counted:
        shared = ForwardPass(start=0, mask=AttentionMask(causal=True), cache=None)
        module(x, shared).sum().backward()
    return counted.get_total_flops()


@pytest.mark.parametrize("kind", LINEAR)
def test_windows_and_states_grow_with_the_text_and_not_with_its_square(kind: str) -> None:
    lengths = (256, 1024)
    (cost,) = measure_attention_costs([kind], lengths=lengths, repeats=1)
    assert cost.memory_exponent < 1.1
    assert fitted_exponent(lengths, [products(kind, length) for length in lengths]) < 1.1


def test_the_measure_tells_a_square_where_there_is_one() -> None:
    lengths = (256, 1024)
    (cost,) = measure_attention_costs(["sigmoid"], lengths=lengths, repeats=1)
    assert cost.memory_exponent > 1.8
    assert fitted_exponent(lengths, [products("multi_head", length) for length in lengths]) > 1.5
