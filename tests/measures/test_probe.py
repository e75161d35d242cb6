from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.models.attention.modules import OPTIONS, described
from tests.models.families import randomised, small_model
from tests.models.test_decoder_attention import build
from tuneformer.errors import UserError
from tuneformer.measures.attention_maps import entropy
from tuneformer.measures.gradient_attention import attention_gradients
from tuneformer.measures.head_outputs import norm_weighted
from tuneformer.measures.ov_circuit import value_and_output
from tuneformer.measures.probe import Probe, probe
from tuneformer.measures.residual_stream import logit_lens
from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.explicit import explicit_attention, record_attention
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.attention.mask import masked_softmax

pytestmark = pytest.mark.fast

GENERATOR = torch.Generator().manual_seed(1)
TOKENS = torch.randint(11, (3, 9), generator=GENERATOR)
VISIBLE = torch.arange(9) < torch.tensor([9, 6, 8])[:, None]
IMAGES = torch.randn(3, 2, 8, 8, dtype=torch.float64, generator=GENERATOR)
VECTORS = torch.randn(3, 9, 4, dtype=torch.float64, generator=GENERATOR)
INPUTS: dict[str, tuple[Any, ...]] = {
    "encoder": (TOKENS, VISIBLE),
    "encoder_decoder": (TOKENS, VISIBLE, TOKENS[:, :7]),
    "lstm_attention": (TOKENS, VISIBLE, TOKENS[:, :7]),
    "vector_decoder": (VECTORS,),
    "vit": (IMAGES,),
}
SITES = {
    "encoder": ["encoder"] * 2,
    "encoder_decoder": ["encoder"] * 2 + ["decoder", "cross"] * 2,
    "lstm_attention": ["cross"],
    "vector_decoder": ["decoder"] * 2,
    "vit": ["encoder"] * 2,
}

# from the last state of the residual stream to the output
OUTPUTS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "encoder": lambda model, x: model.output(model.pooling(model.norm(x), VISIBLE)),
    "encoder_decoder": lambda model, x: model.unembed(x),
    "vector_decoder": lambda model, x: model.output(model.norm(x)),
    "vit": lambda model, x: model.output(model.pooling(model.norm(x), None)),
}


def check_against_outputs(model: nn.Module, inputs: tuple[Any, ...]) -> Probe:
    """Heads and their biases are what each module gave; weights and output those of a plain pass."""
    given: dict[Any, Tensor] = {}
    shells = [module for module in model.modules() if isinstance(module, AttentionBase)]
    handles = [
        shell.output.register_forward_hook(lambda m, i, o, site=shell.layer.site: given.update({site: o}))  # pyright: ignore
        for shell in shells
    ]
    with torch.no_grad(), record_attention(model) as recorded:
        output = model(*inputs)
    for handle in handles:
        handle.remove()
    seen = probe(model, inputs)
    torch.testing.assert_close(seen.output, output, rtol=0, atol=1e-11)
    assert list(seen.attention) == list(recorded)
    for site, weights in recorded.items():
        assert isinstance(site, AttentionSite)
        torch.testing.assert_close(seen.attention[site].weights, torch.cat(weights, dim=2))
    assert set(seen.heads) == set(given)
    for shell in shells:
        bias = 0.0 if shell.output.bias is None else shell.output.bias
        heads = seen.heads[shell.layer.site].sum(dim=1) + bias
        torch.testing.assert_close(heads, given[shell.layer.site], rtol=0, atol=1e-11)
    return seen


@pytest.mark.parametrize("family", INPUTS)
def test_every_family_shows_what_it_computes(family: str) -> None:
    model = randomised(small_model(family))
    seen = check_against_outputs(model, INPUTS[family])
    assert [site.stack for site in seen.attention] == SITES[family]
    for found in seen.attention.values():
        assert found.logits is not None
        torch.testing.assert_close(masked_softmax(found.logits, _keys(found.allowed)), found.weights)
    assert {stack: len(states) for stack, states in seen.streams.items()} == dict.fromkeys(seen.streams, 3)
    if family != "lstm_attention":
        last = list(seen.streams.values())[-1][-1]
        torch.testing.assert_close(OUTPUTS[family](model, last), seen.output)
    assert set(seen.streams) == {site.stack for site in seen.heads} - {"cross"}


def _keys(allowed: Tensor | None) -> Tensor | None:
    """The mask of keys alone: padded queries see what others see."""
    if allowed is None or allowed.shape[-2] == 1:
        return allowed
    return allowed.any(dim=-2, keepdim=True) if allowed.dim() == 4 else allowed


@pytest.mark.parametrize("option", OPTIONS)
def test_every_attention_module_shows_what_it_computes(option: str) -> None:
    model = randomised(build(option))
    seen = check_against_outputs(model, (TOKENS,))
    for site, found in seen.attention.items():
        shell = model.blocks[site.layer].attention
        assert isinstance(shell, AttentionBase)
        assert (found.logits is not None) == described(option).has_logits
        assert found.allowed is not None
        assert (found.weights.masked_fill(found.allowed, 0) == 0).all()
        assert found.values.shape[:3] == (3, 2, 9)
    x = seen.streams["decoder"]
    lens = logit_lens(x, model.unembed)
    torch.testing.assert_close(lens[-1], seen.output)
    torch.testing.assert_close(lens[-1], model(TOKENS), rtol=0, atol=1e-10)


def test_padded_queries_count_in_no_measure() -> None:
    model = randomised(small_model("encoder"))
    padded = probe(model, (TOKENS, VISIBLE))
    alone = [probe(model, (TOKENS[b : b + 1, : VISIBLE[b].sum()],)) for b in range(3)]
    for site, found in padded.attention.items():
        scores = torch.stack([entropy(one.attention[site].weights, None) for one in alone])
        lengths = VISIBLE.sum(dim=1, keepdim=True)
        expected = (scores * lengths).sum(dim=0) / lengths.sum()
        torch.testing.assert_close(entropy(found.weights, found.allowed), expected)


def test_vectors_of_a_probe_add_up_to_its_heads() -> None:
    model = randomised(build("grouped_query"))
    seen = probe(model, (TOKENS,))
    for site, found in seen.attention.items():
        output = model.blocks[site.layer].attention.output.weight.detach()  # pyright: ignore
        by_head = output.unflatten(1, (2, -1))
        vectors = torch.einsum("bhqk,bhkv,dhv->bhqkd", found.weights, found.values, by_head)
        torch.testing.assert_close(vectors.sum(dim=3), seen.heads[site])
        torch.testing.assert_close(vectors.norm(dim=-1), norm_weighted(found.weights, found.values, output))


def test_branches_of_zero_keep_the_stream_as_it_is() -> None:
    model = randomised(build("multi_head"))
    with torch.no_grad():
        for block in model.blocks:
            for name, parameter in block.named_parameters():
                if "output" in name or "down" in name or "feed_forward" in name:
                    parameter.zero_()
    first, *others = probe(model, (TOKENS,)).streams["decoder"]
    assert all(torch.equal(state, first) for state in others)


def test_nothing_is_changed() -> None:
    model = small_model("encoder", dropout=0.5)
    model.train()
    model.blocks[1].eval()
    state = torch.get_rng_state()
    first = probe(model, (TOKENS, VISIBLE)).output
    assert torch.equal(first, probe(model, (TOKENS, VISIBLE)).output), "dropout is off"
    assert not first.requires_grad
    assert torch.equal(torch.get_rng_state(), state)
    assert (model.training, model.blocks[0].training, model.blocks[1].training) == (True, True, False)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
    assert sum(hooks) == 0
    assert not any(getattr(module, "is_watched", False) for module in model.modules())


def test_a_model_without_attention_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="has no attention to look at") as error:
        probe(small_model("lstm"), (TOKENS, VISIBLE, TOKENS))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("option", ["multi_head", "grouped_query", "linear"])
def test_the_matrices_of_a_head_are_those_that_it_multiplies_by(option: str) -> None:
    model = randomised(build(option))
    seen = probe(model, (TOKENS,))
    site, block = AttentionSite("decoder", 0), model.blocks[0]
    assert isinstance(block.attention, AttentionBase)
    value, output = value_and_output(block.attention)
    x = block.attention_norm(seen.streams["decoder"][0])  # pyright: ignore
    found = seen.attention[site]
    torch.testing.assert_close(torch.einsum("btd,hvd->bhtv", x, value), found.values)
    heads = torch.einsum("bhqk,bhkv,hdv->bhqd", found.weights, found.values, output)
    torch.testing.assert_close(heads, seen.heads[site])


def test_latent_attention_has_no_ov_circuit() -> None:
    shell = build("multi_head_latent").blocks[0].attention
    assert isinstance(shell, AttentionBase)
    with pytest.raises(UserError, match="no OV circuit"):
        value_and_output(shell)


@pytest.mark.parametrize("family", ["encoder", "lstm_attention"])
def test_gradients_of_attention_are_finite_differences(family: str) -> None:
    model = randomised(small_model(family))

    def output() -> Tensor:
        return model(*INPUTS[family]).square().sum()

    found = attention_gradients(model, output)
    seen = probe(model, INPUTS[family])
    assert set(found) == set(seen.attention)
    assert all(parameter.grad is None for parameter in model.parameters())
    for site, (weights, gradient) in found.items():
        torch.testing.assert_close(weights, seen.attention[site].weights)
        direction = torch.randn(
            weights.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
        )
        values = []
        for step in (1e-6, -1e-6):
            queries = iter(direction.split(1 if family == "lstm_attention" else weights.shape[2], dim=2))

            def moved(
                at: AttentionSite, a: Tensor, site: Any = site, queries: Any = queries, step: float = step
            ) -> Tensor:
                return a + step * next(queries) if at == site else a

            with torch.no_grad(), explicit_attention(model, moved):
                values.append(output())
        torch.testing.assert_close(
            (gradient * direction).sum(), (values[0] - values[1]) / 2e-6, rtol=1e-5, atol=1e-6
        )
