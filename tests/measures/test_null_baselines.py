import pytest
import torch

from tests.models.families import small_model
from tuneformer.measures.null_baselines import shuffled, with_random_weights

pytestmark = pytest.mark.fast


def test_random_weights_are_those_of_a_model_built_with_the_seed() -> None:
    model = small_model("encoder", seed=3)
    state, before = torch.get_rng_state(), [p.detach().clone() for p in model.parameters()]
    drawn = with_random_weights(model, seed=7)
    fresh = small_model("encoder", seed=7)
    torch.set_rng_state(state)
    assert all(torch.equal(a, b) for a, b in zip(drawn.parameters(), fresh.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))
    assert not torch.equal(drawn.token_embedding.weight, before[0])  # pyright: ignore
    again = with_random_weights(model, seed=7)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(drawn.parameters(), again.parameters(), strict=True))


def test_shuffled_sequences_have_their_own_tokens_in_orders_of_their_own() -> None:
    tokens = torch.arange(40).view(2, 20)
    mixed = shuffled(tokens, seed=0)
    assert torch.equal(mixed.sort(dim=1).values, tokens)
    assert not torch.equal(mixed[0], mixed[1] - 20)
    assert not torch.equal(mixed, tokens)
    vectors = torch.stack([tokens, -tokens], dim=-1)
    assert torch.equal(shuffled(vectors, seed=0), torch.stack([mixed, -mixed], dim=-1))
