import pytest
import torch
from torch import Tensor

from tests.models.families import randomised, small_model
from tuneformer.errors import UserError
from tuneformer.models.attention.explicit import record_attention
from tuneformer.models.pooling import POOLINGS, MeanPooling
from tuneformer.models.positions import POSITIONS

pytestmark = pytest.mark.fast


@pytest.fixture
def tokens() -> Tensor:
    return torch.randint(11, (3, 8), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("block", ["pre_norm", "post_norm", "parallel"])
def test_padding_changes_nothing(tokens: Tensor, pooling: str, positions: str, block: str) -> None:
    model = randomised(small_model("encoder", pooling=pooling, positions=positions, block=block))
    alone = torch.cat([model(row[None, :n]) for row, n in zip(tokens, (8, 3, 1), strict=True)])
    visible = torch.arange(8) < torch.tensor([[8], [3], [1]])
    for padding in (0, 7):
        padded = torch.where(visible, tokens, padding)
        torch.testing.assert_close(model(padded, visible), alone, rtol=0, atol=1e-12)
    assert (model(padded) - alone)[1:].abs().amax() > 1e-3  # the mask is what does it


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_text_without_tokens_is_a_number_with_finite_gradients(tokens: Tensor, pooling: str) -> None:
    model = randomised(small_model("encoder", pooling=pooling))
    visible = torch.arange(8) < torch.tensor([[8], [0], [1]])
    found = model(tokens, visible)
    torch.testing.assert_close(found[:1], model(tokens[:1]), rtol=0, atol=1e-12)
    found.sum().backward()
    assert found.isfinite().all()
    assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)


def test_the_mean_over_no_token_is_zero() -> None:
    x = torch.randn(2, 3, 4, requires_grad=True)
    visible = torch.tensor([[True, False, True], [False, False, False]])
    pooled = MeanPooling()(x, visible)
    torch.testing.assert_close(pooled[0], (x[0, 0] + x[0, 2]) / 2)
    assert torch.equal(pooled[1], torch.zeros(4))
    (gradient,) = torch.autograd.grad(pooled.sum(), x)
    assert torch.equal(gradient[1], torch.zeros(3, 4))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_token_has_a_say(tokens: Tensor, pooling: str) -> None:
    model = randomised(small_model("encoder", pooling=pooling))
    before = model(tokens)
    for changed in range(8):
        other = tokens.clone()
        other[:, changed] = (other[:, changed] + 1) % 11
        assert ((model(other) - before).abs().amax(dim=1) > 1e-6).all()


def test_without_positions_the_sequence_is_a_set(tokens: Tensor) -> None:
    order = torch.tensor([3, 0, 7, 1, 6, 2, 5, 4])
    as_set = randomised(small_model("encoder", positions="none"))
    torch.testing.assert_close(as_set(tokens[:, order]), as_set(tokens), rtol=0, atol=1e-12)
    as_sequence = randomised(small_model("encoder"))
    assert (as_sequence(tokens[:, order]) - as_sequence(tokens)).abs().amax() > 1e-3


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_end_is_norm_pooling_and_a_matrix(tokens: Tensor, pooling: str) -> None:
    model = randomised(small_model("encoder", pooling=pooling, n_layers=1))
    visible = torch.arange(8) < torch.tensor([[8], [5], [2]])
    normed: list[Tensor] = []
    model.norm.register_forward_hook(lambda module, inputs, output: normed.append(output))
    logits = model(tokens, visible)
    for row, n in enumerate((8, 5, 2)):
        x = normed[0][row, : n + (pooling == "first")]
        if pooling == "mean":
            pooled = x.sum(0) / n
        elif pooling == "first":
            pooled = x[0]
        else:
            scores = torch.exp(x @ model.pooling.score.weight[0])
            pooled = (scores / scores.sum()) @ x
        expected = model.output.weight @ pooled + model.output.bias
        torch.testing.assert_close(logits[row], expected, rtol=0, atol=1e-12)


def test_its_attention_is_recorded_with_that_of_the_pooling(tokens: Tensor) -> None:
    model = randomised(small_model("encoder", pooling="attention"))
    visible = torch.arange(8) < torch.tensor([[8], [5], [2]])
    plain = model(tokens, visible)
    with record_attention(model) as weights:
        torch.testing.assert_close(model(tokens, visible), plain, rtol=0, atol=1e-12)
    assert set(weights) == {("encoder", 0), ("encoder", 1), ("pooling", 0)}
    assert weights["encoder", 1][0].shape == (3, 2, 8, 8)
    pooled = weights["pooling", 0][0]
    assert pooled.shape == (3, 1, 1, 8)
    torch.testing.assert_close(pooled.sum(-1), torch.ones(3, 1, 1).double())
    assert (pooled[2, 0, 0, 2:] == 0).all()


def test_learned_positions_are_as_many_as_the_context_and_the_class_token_need() -> None:
    model = small_model("encoder", positions="learned", pooling="first")
    assert model(torch.zeros(1, 12, dtype=torch.long)).shape == (1, 5)
    with pytest.raises(UserError, match="has no position for 14 tokens"):
        model(torch.zeros(1, 13, dtype=torch.long))


def test_an_unknown_pooling_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.pooling=max must be one of mean, first, attention"):
        small_model("encoder", pooling="max")
