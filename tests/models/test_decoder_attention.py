"""Every option of conf/attention inside of the decoder."""

import pickle
import subprocess
import sys
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.models.attention.modules import CONF, OPTIONS, described
from tuneformer.config.options import load_option
from tuneformer.models.attention.explicit import explicit_attention
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.build import build_model
from tuneformer.models.decoder import Decoder
from tuneformer.models.differentiable import twice_differentiable
from tuneformer.models.size import flops_per_token, n_parameters
from tuneformer.optim.factory import param_groups

SMALL = {"vocab_size": 11, "context_length": 12, "n_layers": 2, "n_heads": 2, "d_model": 16}
SMALL_ATTENTION = {"block": 4, "gate_rank": 3, "k": 3, "n_first": 2, "window": 3, "value_residual": 0.5}

every_option = pytest.mark.parametrize("option", OPTIONS)


def build(option: str, *, base_width: int | None = None, **changes: Any) -> Decoder:
    """A small decoder with this attention, values mixed with the first layer's where it has logits."""
    attention = load_option("attention", option, [CONF])
    attention |= {key: value for key, value in SMALL_ATTENTION.items() if key in attention}
    model = load_option("model", "decoder" if base_width is None else "decoder_mup", [CONF]) | SMALL
    # branches that begin at zero hide what a test changes in them
    model |= {"initialization": "gpt2"} if base_width is None else {"base_width": base_width}
    model |= changes
    torch.default_generator.manual_seed(0)
    built = build_model(model, attention, needs={"vocab_size": 11})
    assert isinstance(built, Decoder)
    return built


def tokens() -> Tensor:
    return torch.randint(11, (3, 12), generator=torch.Generator().manual_seed(1))


def randomised(model: Decoder) -> Decoder:
    """Large weights in float64, so that a leak would show."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.double().parameters():
            nn.init.normal_(parameter, std=0.3, generator=generator)
    return model.eval()


@pytest.mark.fast
@every_option
def test_decoding_with_a_cache_equals_a_full_pass_and_shows_no_later_token(option: str) -> None:
    model = randomised(build(option))
    with torch.no_grad():
        whole = model(tokens())
        cache = model.new_cache()
        parts = [model(part, cache) for part in tokens().split([5, 1, 1, 5], dim=1)]
        torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-11)
        changed = tokens()
        changed[:, 6:] = (changed[:, 6:] + 1) % 11
        torch.testing.assert_close(model(changed)[:, :6], whole[:, :6], rtol=0, atol=1e-11)


@pytest.mark.fast
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("positions", ["none", "alibi"])
def test_keys_that_tie_for_the_last_place_are_kept_in_every_path(positions: str, dtype: torch.dtype) -> None:
    """Without positions equal tokens are equal keys, which rounding tells apart otherwise in each path."""
    model = build("top_k", positions=positions, initialization="xavier", context_length=24).to(dtype).eval()
    generator = torch.Generator().manual_seed(1)
    for text in (torch.zeros(1, 24, dtype=torch.int64), torch.randint(2, (4, 24), generator=generator)):
        with torch.no_grad():
            whole = model(text)
            for lengths in ([1] * 24, [7, 1, 9, 7]):
                cache = model.new_cache()
                parts = [model(part, cache) for part in text.split(lengths, dim=1)]
                torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=2e-5)
            alone = model(text[:, :10])
            torch.testing.assert_close(alone, whole[:, :10], rtol=0, atol=2e-5)


@pytest.mark.fast
def test_of_keys_that_differ_top_k_keeps_k_and_of_equal_ones_all() -> None:
    first: Any = build("top_k").double().blocks[0]
    core = first.attention.core
    q, k = torch.ones(1, 2, 1, 8).double(), torch.ones(1, 2, 6, 8).double()
    mask = AttentionMask(causal=True)
    assert (core.weights(q, k, mask) == 1 / 6).all()
    apart = k * torch.tensor([3.0, 3.0 + 1e-9, 1.0, 2.0, 2.0 + 1e-15, 0.5])[:, None].double()
    assert (core.weights(q, apart, mask) > 0)[0, 0, 0].tolist() == [True, True, False, True, True, False]


@pytest.mark.fast
@every_option
def test_second_derivatives_are_those_of_the_explicit_path(option: str) -> None:
    model = randomised(build(option, d_model=8))
    direction = [torch.ones_like(parameter) for parameter in model.parameters()]

    def curvature() -> tuple[Tensor, ...]:
        loss = model(tokens()[:1, :7]).square().mean()
        parameters = list(model.parameters())
        gradients = torch.autograd.grad(loss, parameters, create_graph=True)
        return torch.autograd.grad(gradients, parameters, direction, allow_unused=True)

    with twice_differentiable(model):
        fused = curvature()
        with explicit_attention(model, lambda site, weights: weights):
            explicit = curvature()
    for one, other in zip(fused, explicit, strict=True):
        assert one is not None
        assert other is not None
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9)


@pytest.mark.fast
@every_option
def test_parameter_groups_decay_matrices_and_nothing_else(option: str) -> None:
    optimizer: Any = partial(torch.optim.AdamW, lr=1.0, weight_decay=1.0)
    model = build(option, positions="none", bias=True)
    names: dict[str, set[str]] = {}
    for rules in ("default", "nanogpt", "mup"):
        settings = load_option("param_groups", rules, [CONF])
        if rules == "mup":
            if not described(option).follows_width:
                continue
            model = build(option, base_width=8, positions="none", bias=True)
        groups = param_groups(settings)
        parts = groups.for_optimizer(model, optimizer)
        names = {group.rule.name: set(group.parameters) for group in parts}
        matrices = names["matrices"]
        for name, parameter in model.named_parameters():
            is_matrix = parameter.ndim == 2 and "embedding" not in name
            small = name.endswith(("_mix", "_lambda", "relative_bias"))
            assert (name in matrices) == (is_matrix and not small), name
        decayed = {name for group in parts if group.rule.weight_decay_multiplier for name in group.parameters}
        assert matrices <= decayed
        assert not any(name.endswith(("_scale", "_sink", "_mix", "_lambda", "bias")) for name in decayed)


@pytest.mark.fast
@every_option
def test_weights_are_drawn_from_the_seed_and_none_is_forgotten(option: str) -> None:
    with torch.device("meta"):
        empty = build(option)
    model, again = build(option), build(option)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    filled = empty.to_empty(device="cpu")
    with torch.no_grad():
        for parameter in filled.parameters():
            parameter.fill_(torch.nan)
    torch.default_generator.manual_seed(0)
    filled.initialize()
    for name, parameter in filled.named_parameters():
        assert torch.equal(parameter, model.get_parameter(name)), name
    torch.testing.assert_close(filled(tokens()), model(tokens()), rtol=0, atol=0)
    assert torch.equal(pickle.loads(pickle.dumps(model))(tokens()), model(tokens()))


# what mixing costs one query, forward, at d_model = 16, two heads of 8 and 12 keys: products count as two;
# counted by hand from the equations, to hold what each module says of itself to
MIXING = {
    "multi_query": 4 * 16 * 12,
    "sliding_window": 4 * 16 * 3,
    "block_local": 4 * 16 * 4,
    "first_tokens_window": 4 * 16 * (3 + 2),
    "multi_head_latent": 2 * 2 * (8 + 4 + 8) * 12,  # logits of 8 + 4 numbers, values of 8
    "linear": 4 * 16 * 8,
    "retention": 4 * 16 * 8,
    "gated_linear": 4 * 16 * 8,
    "delta_rule": 6 * 16 * 8,
    "differential": 2 * (2 * 2 * 4 + 2 * 2 * 8) * 12,  # four maps of 4 numbers, each over 8
    "talking_heads": 4 * 16 * 12 + 2 * 2 * 2 * 2 * 12,
}


@pytest.mark.fast
@every_option
def test_flops_are_those_of_the_parameters_and_of_the_mixing(option: str) -> None:
    model = build(option)
    expected = 6 * n_parameters(model) + 3 * 2 * MIXING.get(option, 4 * 16 * 12)
    assert flops_per_token(model, context_length=12) == expected


@pytest.mark.fast
@pytest.mark.parametrize("option", [name for name in OPTIONS if described(name).follows_width])
def test_at_the_base_width_mup_is_the_standard_parametrisation(option: str) -> None:
    standard, scaled = build(option), build(option, base_width=16)
    scaled.load_state_dict(standard.state_dict())
    torch.testing.assert_close(scaled(tokens()), standard(tokens()))


COMPILED = """
import pickle, sys, torch
models, tokens = pickle.load(sys.stdin.buffer)
for name, model in models.items():
    torch._dynamo.reset()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    loss, plain = compiled(tokens).square().mean(), model(tokens).square().mean()
    torch.testing.assert_close(loss, plain, rtol=1e-4, atol=1e-6, msg=name)
    parameters = list(model.parameters())
    for one, other in zip(torch.autograd.grad(loss, parameters), torch.autograd.grad(plain, parameters)):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5, msg=name)
    print(name)
"""


@pytest.mark.proof
def test_every_module_compiles_as_a_whole_and_gives_the_same() -> None:
    # in a process of its own: pytest's checks of shapes cannot be compiled
    models = {option: build(option, n_layers=1) for option in OPTIONS}
    models |= {name: build("multi_head", positions=name) for name in ("yarn", "t5")}
    models["window with alibi"] = build("sliding_window", positions="alibi", n_layers=1)
    given = pickle.dumps((models, tokens()))
    done = subprocess.run([sys.executable, "-c", COMPILED], input=given, capture_output=True, check=False)
    assert done.stdout.decode().splitlines() == list(models), done.stderr.decode()[-3000:]
