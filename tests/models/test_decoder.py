from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.models.decoder import Decoder
from tuneformer.models.norms import make_norm
from tuneformer.models.settings import POSITIONS

Build = Callable[..., Decoder]


def randomise(model: Decoder) -> Decoder:
    """Large weights in float64, so that a leak would show."""
    model.double()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64, generator=generator) * 0.3)
    return model.eval()


@pytest.mark.fast
@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("qk_norm", [True, False])
def test_no_logit_depends_on_later_tokens(
    decoder: Build, tokens: Tensor, positions: str, qk_norm: bool
) -> None:
    model = randomise(decoder(positions=positions, qk_norm=qk_norm))
    before = model(tokens)
    for changed in (1, 6, 11):
        other = tokens.clone()
        other[:, changed:] = (other[:, changed:] + 1) % 11
        after = model(other)
        torch.testing.assert_close(after[:, :changed], before[:, :changed], rtol=0, atol=1e-12)
        assert (after[:, changed] - before[:, changed]).abs().amax() > 1e-3


@pytest.mark.fast
@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("steps", [[1] * 12, [5, 1, 1, 5], [12], [1, 11]])
def test_decoding_with_a_cache_equals_a_full_pass(
    decoder: Build, tokens: Tensor, positions: str, steps: list[int]
) -> None:
    model = randomise(decoder(positions=positions, qk_norm=True))
    cache = model.new_cache()
    with torch.no_grad():
        parts = [model(part, cache) for part in tokens.split(steps, dim=1)]
        torch.testing.assert_close(torch.cat(parts, dim=1), model(tokens), rtol=0, atol=1e-11)
    assert cache.length == 12


@pytest.mark.fast
@pytest.mark.parametrize("positions", ["rope", "sinusoidal"])
@pytest.mark.parametrize("steps", [[1] * 12, [5, 1, 1, 5], [2, 10], [12]])
def test_decoding_keeps_the_tokens_that_the_embedding_looks_back_at(
    decoder: Build, tokens: Tensor, positions: str, steps: list[int]
) -> None:
    model = randomise(decoder(positions=positions, embedded_tokens=4))
    cache = model.new_cache()
    parts, rows = [], torch.tensor([2, 0])
    with torch.no_grad():
        full = model(tokens)
        for part in tokens.split(steps, dim=1):
            parts.append(model(part if len(parts) == 0 else part[rows], cache))
            if len(parts) == 1:
                cache.select(rows)
        torch.testing.assert_close(parts[0], full[:, : steps[0]], rtol=0, atol=1e-11)
        for part, all_of_it in zip(parts[1:], full[rows].split(steps, dim=1)[1:], strict=True):
            torch.testing.assert_close(part, all_of_it, rtol=0, atol=1e-11)


@pytest.mark.fast
@pytest.mark.parametrize("n", [2, 3, 5, 20])
def test_the_first_layer_sees_so_many_tokens_in_order(decoder: Build, tokens: Tensor, n: int) -> None:
    model = randomise(decoder(embedded_tokens=n))
    seen = {}
    model.blocks[0].register_forward_pre_hook(lambda _, given: seen.update(x=given[0]))
    model(tokens)
    table, earlier = (
        model.token_embedding.weight,
        model.get_parameter("earlier_tokens.token_embedding.weight"),
    )
    for row, text in enumerate(tokens.tolist()):
        for t, token in enumerate(text):
            expected = table[token].clone()
            for distance in range(1, min(n - 1, t) + 1):
                expected += earlier[(distance - 1) * 11 + text[t - distance]]
            torch.testing.assert_close(seen["x"][row, t], expected, rtol=0, atol=1e-12)


@pytest.mark.fast
def test_no_logit_depends_on_later_tokens_where_the_embedding_looks_back(
    decoder: Build, tokens: Tensor
) -> None:
    model = randomise(decoder(embedded_tokens=4))
    before, other = model(tokens), tokens.clone()
    other[:, 6:] = (other[:, 6:] + 1) % 11
    torch.testing.assert_close(model(other)[:, :6], before[:, :6], rtol=0, atol=1e-12)


@pytest.mark.fast
@pytest.mark.parametrize("positions", [name for name in POSITIONS if name != "none"])
def test_positions_tell_the_order_of_the_past(decoder: Build, positions: str) -> None:
    model = randomise(decoder(positions=positions))
    one, other = torch.tensor([[1, 2, 3]]), torch.tensor([[2, 1, 3]])
    assert (model(one)[0, -1] - model(other)[0, -1]).abs().amax() > 1e-3


@pytest.mark.fast
def test_without_positions_one_layer_sees_a_set(decoder: Build) -> None:
    model = randomise(decoder(positions="none", n_layers=1))
    one, other = torch.tensor([[1, 2, 3]]), torch.tensor([[2, 1, 3]])
    torch.testing.assert_close(model(one)[0, -1], model(other)[0, -1], rtol=0, atol=1e-12)


@pytest.mark.fast
@pytest.mark.parametrize("norm", ["rms_norm", "layer_norm"])
def test_one_layer_is_the_pre_norm_equation(decoder: Build, tokens: Tensor, norm: str) -> None:
    model = randomise(decoder(n_layers=1, positions="learned", norm=norm, feed_forward="squared_relu"))
    w = {name.removeprefix("blocks.0."): p for name, p in model.named_parameters()}

    def normed(x: Tensor, name: str) -> Tensor:
        make = make_norm(norm, width=16, bias=False).double()
        return make(x) * w[f"{name}.weight"]

    x = w["token_embedding.weight"][tokens] + w["position_embedding.weight"]
    h = normed(x, "attention_norm")
    q, k, v = (
        (h @ w[f"attention.{name}.weight"].T).view(3, 12, 2, 8).transpose(1, 2)
        for name in ("query", "key", "value")
    )
    logits = (q @ k.mT / 8**0.5).masked_fill(torch.ones(12, 12).triu(1).bool(), float("-inf"))
    mixed = (logits.softmax(-1) @ v).transpose(1, 2).reshape(3, 12, 16)
    x = x + mixed @ w["attention.output.weight"].T
    h = normed(x, "feed_forward_norm")
    x = x + F.relu(h @ w["feed_forward.up.weight"].T) ** 2 @ w["feed_forward.down.weight"].T
    expected = normed(x, "norm") @ w["token_embedding.weight"].T
    torch.testing.assert_close(model(tokens), expected, rtol=0, atol=1e-11)


@pytest.mark.fast
def test_sinusoidal_positions_are_added_to_scaled_embeddings(decoder: Build, tokens: Tensor) -> None:
    model = decoder(positions="sinusoidal", initialization="zero_output")
    assert model.position_embedding is not None
    embedded = 4 * model.token_embedding(tokens) + model.position_embedding(0, 12)
    torch.testing.assert_close(model(tokens), model.norm(embedded) @ model.token_embedding.weight.T)


@pytest.mark.fast
def test_parameters_have_the_names_that_rules_match(decoder: Build) -> None:
    model = decoder(
        n_layers=1, positions="learned", tie_embeddings=False, bias=True, norm="layer_norm", qk_norm=True
    )
    linear = [
        *(f"blocks.0.attention.{name}" for name in ("query", "key", "value", "output")),
        *(f"blocks.0.feed_forward.{name}" for name in ("gate", "up", "down")),
        "blocks.0.attention_norm",
        "blocks.0.feed_forward_norm",
        "norm",
        "output",
    ]
    expected = {f"{name}.{kind}" for name in linear for kind in ("weight", "bias")}
    expected |= {"token_embedding.weight", "position_embedding.weight"}
    expected |= {f"blocks.0.attention.{name}_norm.weight" for name in ("query", "key")}
    assert {name for name, _ in model.named_parameters()} == expected
    assert set(model.state_dict()) == expected


@pytest.mark.fast
def test_tied_embeddings_are_one_parameter_with_both_gradients(decoder: Build, tokens: Tensor) -> None:
    tied, untied = decoder(), decoder(tie_embeddings=False)
    assert tied.output is None
    assert untied.output is not None
    shared = {name: weight for name, weight in untied.state_dict().items() if name != "output.weight"}
    tied.load_state_dict(shared)
    with torch.no_grad():
        untied.output.weight.copy_(untied.token_embedding.weight)
    torch.testing.assert_close(tied(tokens), untied(tokens), rtol=0, atol=0)
    for model in (tied, untied):
        model(tokens).square().sum().backward()
    gradients = untied.token_embedding.weight.grad, untied.output.weight.grad
    assert gradients[0] is not None
    assert gradients[1] is not None
    torch.testing.assert_close(tied.token_embedding.weight.grad, gradients[0] + gradients[1])


@pytest.mark.fast
def test_an_untied_output_has_a_bias_where_linear_layers_have_one(decoder: Build, tokens: Tensor) -> None:
    model = decoder(tie_embeddings=False, bias=True)
    before = model(tokens)
    assert model.output is not None
    with torch.no_grad():
        model.output.bias.copy_(torch.arange(11.0))
    torch.testing.assert_close(model(tokens), before + torch.arange(11.0))


@pytest.mark.fast
def test_dropout_acts_in_training_and_not_in_evaluation(decoder: Build, tokens: Tensor) -> None:
    without, model = decoder(dropout=0.0), decoder(dropout=0.3)
    torch.testing.assert_close(model.eval()(tokens), without(tokens), rtol=0, atol=0)
    model.train()
    assert not torch.equal(model(tokens), model(tokens))
    torch.default_generator.manual_seed(5)
    first = model(tokens)
    torch.default_generator.manual_seed(5)
    torch.testing.assert_close(model(tokens), first, rtol=0, atol=0)


@pytest.mark.fast
def test_dropout_acts_on_embeddings_and_on_both_branches(decoder: Build, tokens: Tensor) -> None:
    model = decoder(dropout=0.5, n_layers=1)
    dropped: list[tuple[str, Tensor]] = []

    def record(name: str, module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        dropped.append((name, output))

    for name in ("dropout", "blocks.0.dropout"):
        model.get_submodule(name).register_forward_hook(partial(record, name))
    model(tokens)
    assert [name for name, _ in dropped] == ["dropout", "blocks.0.dropout", "blocks.0.dropout"]
    for _, output in dropped:
        assert (output == 0).double().mean().item() == pytest.approx(0.5, abs=0.1)


@pytest.mark.fast
def test_building_draws_each_weight_once_and_nothing_else(decoder: Build) -> None:
    model = decoder(feed_forward="gelu")
    after = torch.get_rng_state()
    torch.default_generator.manual_seed(0)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            std = 0.01 if name.endswith(("output.weight", "down.weight")) else 0.02
            torch.testing.assert_close(parameter, torch.randn(parameter.shape) * std, rtol=1e-5, atol=1e-8)
    assert torch.equal(torch.get_rng_state(), after)


@pytest.mark.fast
def test_gradients_of_the_whole_model_match_finite_differences(decoder: Build) -> None:
    model = randomise(decoder(n_layers=1, d_model=4, n_heads=2, vocab_size=3, d_ff=8, qk_norm=True))
    tokens = torch.tensor([[0, 2, 1]])
    names = [name for name, _ in model.named_parameters()]
    parameters = [p.detach().requires_grad_() for p in model.parameters()]

    def logits(*values: Tensor) -> Tensor:
        named = dict(zip(names, values, strict=True))
        result = torch.func.functional_call(model, named, (tokens,))
        assert isinstance(result, Tensor)
        return result

    assert torch.autograd.gradcheck(logits, parameters, fast_mode=True)


@pytest.mark.fast
def test_a_text_longer_than_learned_positions_is_refused(decoder: Build) -> None:
    with pytest.raises(
        UserError, match=r"data\.context_length=12 with model\.positions=learned .* 13 tokens"
    ):
        decoder(positions="learned")(torch.zeros(1, 13, dtype=torch.long))


@pytest.mark.fast
@pytest.mark.parametrize("positions", [name for name in POSITIONS if name not in ("learned", "yarn")])
def test_computed_positions_take_a_longer_text(decoder: Build, positions: str) -> None:
    long = torch.randint(11, (1, 30), generator=torch.Generator().manual_seed(0))
    expected = decoder(positions=positions, context_length=30)(long)
    torch.testing.assert_close(decoder(positions=positions)(long), expected, rtol=0, atol=1e-6)


@pytest.mark.fast
def test_a_full_cache_refuses_more_tokens(decoder: Build, tokens: Tensor) -> None:
    model = decoder()
    cache = model.new_cache()
    with torch.no_grad():
        model(tokens, cache)
        with pytest.raises(UserError, match=r"data\.context_length=12 .* cannot hold 13 tokens"):
            model(tokens[:, :1], cache)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"d_model": 18, "n_heads": 4}, r"model\.d_model=18 must be a multiple of model\.n_heads=4"),
        ({"d_model": 18, "n_heads": 2}, r"model\.positions=rope rotates pairs: .* must be even, not 9"),
        ({"norm": "rmsnorm"}, r"model\.norm=rmsnorm must be one of rms_norm, layer_norm \(did you mean"),
        ({"positions": "rotary"}, r"model\.positions=rotary must be one of rope, partial_rope, ntk, yarn"),
    ],
)
def test_a_setting_that_cannot_be_built_is_refused(
    decoder: Build, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message) as error:
        decoder(**changes)
    assert "\n" not in str(error.value)
