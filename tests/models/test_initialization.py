import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.models.decoder import Decoder
from tuneformer.models.initialization import SCHEMES, initialize

Build = Callable[..., Decoder]
OUTPUTS = ("attention.output.weight", "feed_forward.down.weight")
# wide enough that the standard deviation of the smallest matrix is known to 1 %
WIDE = {"vocab_size": 300, "context_length": 200, "n_layers": 3, "d_model": 128, "n_heads": 4}


def matrices(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in model.named_parameters() if p.ndim == 2}


def expected_std(scheme: str, name: str, weight: Tensor) -> float:
    is_output = name.endswith(OUTPUTS)
    if scheme == "gpt2":
        return 0.02 / math.sqrt(2 * 3) if is_output else 0.02
    if scheme in ("xavier", "depth_scaled"):
        layer = int(name.split(".")[1]) + 1 if scheme == "depth_scaled" and name.startswith("blocks") else 1
        glorot = math.sqrt(2 / sum(weight.shape))
        return 1 / math.sqrt(128) if "embedding" in name else glorot / math.sqrt(layer)
    if scheme == "mup" and "embedding" not in name:
        return 1 / math.sqrt(weight.shape[1] * (2 * 3 if is_output else 1))
    if scheme == "mup":
        return 0.02
    return 0.0 if is_output else math.sqrt(2 / (5 * 128))


@pytest.mark.fast
@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_matrix_has_the_deviation_of_its_scheme(decoder: Build, scheme: str) -> None:
    model = decoder(**WIDE, initialization=scheme, positions="learned", tie_embeddings=False)
    for name, weight in matrices(model).items():
        expected = expected_std(scheme, name, weight)
        error = 5 * expected / math.sqrt(2 * weight.numel())
        assert weight.std().item() == pytest.approx(expected, abs=error), name
        assert abs(weight.mean().item()) <= 5 * expected / math.sqrt(weight.numel()), name


@pytest.mark.fast
def test_xavier_is_uniform_within_its_bound(decoder: Build) -> None:
    weight = matrices(decoder(**WIDE, initialization="xavier"))["blocks.0.feed_forward.up.weight"]
    bound = math.sqrt(6 / sum(weight.shape))
    assert 0.999 * bound < weight.abs().max() <= bound


@pytest.mark.fast
@pytest.mark.parametrize("scheme", ["gpt2", "zero_output"])
def test_normal_schemes_have_normal_tails(decoder: Build, scheme: str) -> None:
    weight = matrices(decoder(**WIDE, initialization=scheme))["blocks.0.feed_forward.up.weight"]
    beyond_two = (weight.abs() > 2 * weight.std()).double().mean().item()
    assert beyond_two == pytest.approx(0.0455, abs=0.005)


@pytest.mark.fast
def test_layers_begin_as_the_identity_with_zero_output(decoder: Build, tokens: Tensor) -> None:
    model = decoder(initialization="zero_output")
    embedded = model.token_embedding(tokens)
    torch.testing.assert_close(model(tokens), model.norm(embedded) @ model.token_embedding.weight.T)


@pytest.mark.fast
@pytest.mark.parametrize("scheme", SCHEMES)
def test_biases_begin_at_zero_and_gains_at_one(decoder: Build, scheme: str) -> None:
    model = decoder(initialization=scheme, bias=True, norm="layer_norm", qk_norm=True)
    vectors = {name: p for name, p in model.named_parameters() if p.ndim == 1}
    assert len(vectors) == 2 * (4 + 3 + 4 + 2) + 2
    for name, vector in vectors.items():
        assert (vector == (0 if name.endswith(".bias") else 1)).all(), name


@pytest.mark.fast
def test_a_seed_gives_the_same_weights_and_another_seed_others(decoder: Build) -> None:
    one, same, other = (decoder(seed=seed).state_dict() for seed in (0, 0, 1))
    for name, weight in one.items():
        assert torch.equal(weight, same[name])
        if weight.ndim == 2:
            assert not torch.equal(weight, other[name])


@pytest.mark.fast
def test_no_two_matrices_share_their_numbers(decoder: Build) -> None:
    first_numbers = [weight.flatten()[0].item() for weight in matrices(decoder()).values()]
    assert len(set(first_numbers)) == len(first_numbers)


@pytest.mark.fast
def test_weights_do_not_depend_on_the_models_dtype(decoder: Build) -> None:
    expected = decoder()
    torch.set_default_dtype(torch.float64)
    try:
        model = decoder()
    finally:
        torch.set_default_dtype(torch.float32)
    for name, weight in model.state_dict().items():
        assert weight.dtype == torch.float64
        assert torch.equal(weight.float(), expected.state_dict()[name])


@pytest.mark.fast
def test_unknown_scheme_is_refused(decoder: Build) -> None:
    with pytest.raises(
        UserError, match=r"model\.initialization=gpt must be one of gpt2, xavier, zero_output"
    ):
        decoder(initialization="gpt")


@pytest.mark.fast
def test_a_module_that_cannot_initialise_its_parameters_is_reported() -> None:
    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain = nn.Parameter(torch.ones(3))

    with pytest.raises(AssertionError, match=r"0 \(Gate\) owns parameters"):
        initialize(nn.Sequential(Gate()), scheme="gpt2", d_model=3, n_layers=1)
