import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.models.attention.modules import drawn, position_scheme
from tuneformer.models.attention.explicit import record_attention
from tuneformer.models.attention.layer_spec import AttentionSite, LayerSpec
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.attention.qkv.cross import CrossAttention
from tuneformer.models.forward_pass import ForwardPass, Memory
from tuneformer.models.key_value_cache import KeyValueCache

pytestmark = pytest.mark.fast

VISIBLE = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]]).bool()


def cross_attention() -> CrossAttention:
    """A float64 module with biases whose parameters are all drawn."""
    layer = LayerSpec(
        site=AttentionSite("cross", 0),
        causal=False,
        d_model=12,
        n_heads=3,
        context_length=8,
        bias=True,
        dropout=0.0,
        logit_scale=None,
        head_positions=position_scheme("rope").head_positions,
        logit_bias=position_scheme("t5").logit_bias,
    )
    module = CrossAttention(layer=layer).double()
    for seed, parameter in enumerate(module.parameters()):
        nn.init.normal_(parameter, std=0.5, generator=torch.Generator().manual_seed(seed))
    return module


def forward_pass(memory: Tensor, *, cache: KeyValueCache | None = None, start: int = 0) -> ForwardPass:
    return ForwardPass(
        start=start,
        mask=AttentionMask(causal=True),
        cache=cache,
        memory=Memory(states=memory, mask=AttentionMask(causal=False, visible=VISIBLE)),
    )


def by_numpy(module: CrossAttention, x: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """The equation for one sequence, a head and a query at a time."""
    parts = [linear.weight.detach().numpy() for linear in (module.query, module.key, module.value)]
    biases = [linear.bias.detach().numpy() for linear in (module.query, module.key, module.value)]
    q, k, v = (y @ w.T + b for y, w, b in zip((x, memory, memory), parts, biases, strict=True))
    out = np.zeros((len(x), 12))
    for head in range(3):
        rows = slice(4 * head, 4 * head + 4)
        for i in range(len(x)):
            e = np.array([np.exp(q[i, rows] @ key[rows] / 2) for key in k])
            out[i, rows] = e / e.sum() @ v[:, rows]
    return out @ module.output.weight.detach().numpy().T + module.output.bias.detach().numpy()


def test_cross_attention_is_its_equation_over_the_tokens_that_are_not_padding() -> None:
    module = cross_attention()
    x, memory = drawn(2, 7, 12), drawn(2, 5, 12, seed=2)
    result = module(x, forward_pass(memory)).detach().numpy()
    for batch, n_tokens in enumerate((4, 2)):
        expected = by_numpy(module, x[batch].numpy(), memory[batch, :n_tokens].numpy())
        np.testing.assert_allclose(result[batch], expected, atol=1e-12)


def test_its_weights_are_recorded_as_those_of_the_cross_stack() -> None:
    module = cross_attention()
    x, memory = drawn(2, 7, 12).requires_grad_(), drawn(2, 5, 12, seed=2).requires_grad_()
    fused = module(x, forward_pass(memory))
    with record_attention(module) as recorded:
        explicit = module(x, forward_pass(memory))
    torch.testing.assert_close(explicit, fused, rtol=0, atol=1e-12)
    gradients = [torch.autograd.grad(y.square().sum(), (x, memory)) for y in (fused, explicit)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)
    (weights,) = recorded[AttentionSite("cross", 0)]
    assert weights.shape == (2, 3, 7, 5)
    assert (weights[1, :, :, 2:] == 0).all()


def test_decoding_step_by_step_projects_the_memory_once() -> None:
    module = cross_attention()
    x, memory = drawn(2, 6, 12), drawn(2, 5, 12, seed=2)
    cache = KeyValueCache(layers={AttentionSite("cross", 0): module.new_cache()}, capacity=8)
    projected = []
    module.key.register_forward_hook(lambda *_: projected.append(1))
    with torch.no_grad():
        whole = module(x, forward_pass(memory))
        projected.clear()
        steps = [
            module(part, forward_pass(memory, cache=cache, start=start))
            for start, part in zip((0, 3, 4), x.split([3, 1, 2], dim=1), strict=True)
        ]
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, rtol=0, atol=1e-12)
    assert len(projected) == 1


def test_a_cache_follows_the_sequences_that_are_selected() -> None:
    module = cross_attention()
    x, memory = drawn(2, 2, 12), drawn(2, 5, 12, seed=2)
    cache = KeyValueCache(layers={AttentionSite("cross", 0): module.new_cache()}, capacity=8)
    rows = torch.tensor([1, 1, 0])
    with torch.no_grad():
        module(x[:, :1], forward_pass(memory, cache=cache))
        cache.select(rows)
        mask = AttentionMask(causal=False, visible=VISIBLE[rows])
        selected = ForwardPass(
            start=1,
            mask=AttentionMask(causal=True),
            cache=cache,
            memory=Memory(states=torch.zeros(3, 5, 12, dtype=torch.float64), mask=mask),
        )
        expected = module(x, forward_pass(memory))[rows, 1:]
        torch.testing.assert_close(module(x[rows, 1:], selected), expected, rtol=0, atol=1e-12)
