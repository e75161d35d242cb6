from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tuneformer.errors import UserError
from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.explicit import explicit_attention, record_attention
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.decoder import Decoder

pytestmark = pytest.mark.fast

Build = Callable[..., Decoder]


def test_recorded_weights_are_distributions_over_the_past(decoder: Build, tokens: Tensor) -> None:
    with record_attention(decoder()) as recorded, torch.no_grad():
        decoder_again = decoder()
        assert not recorded, "another model must not be recorded"
        decoder_again(tokens)
    assert not recorded
    with record_attention(decoder_again) as recorded, torch.no_grad():
        decoder_again(tokens)
    assert list(recorded) == [("decoder", 0), ("decoder", 1)]
    for (weights,) in recorded.values():
        assert weights.shape == (3, 2, 12, 12)
        torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2, 12))
        assert (weights.triu(diagonal=1) == 0).all()
        assert (weights.tril() > 0).sum() == 3 * 2 * 12 * 13 / 2


def test_recording_ends_with_the_block_even_after_an_error(decoder: Build, tokens: Tensor) -> None:
    model = decoder(positions="learned")
    too_long = torch.cat([tokens, tokens], dim=1)
    with record_attention(model) as recorded:
        model(tokens)
    with pytest.raises(UserError), record_attention(model):
        model(too_long)
    model(tokens)
    assert [len(passes) for passes in recorded.values()] == [1, 1]
    assert all(module.edit_weights is None for module in model.modules() if isinstance(module, AttentionBase))


def test_recording_inside_an_intervention_restores_the_intervention(decoder: Build, tokens: Tensor) -> None:
    model = decoder()
    with torch.no_grad(), explicit_attention(model, lambda site, weights: torch.zeros_like(weights)):
        without_attention = model(tokens)
        with record_attention(model):
            assert not torch.equal(model(tokens), without_attention)
        torch.testing.assert_close(model(tokens), without_attention, rtol=0, atol=0)


def test_a_head_taken_out_equals_a_model_with_its_output_columns_at_zero(
    decoder: Build, tokens: Tensor
) -> None:
    model, cut = decoder(), decoder()

    def ablate(site: AttentionSite, weights: Tensor) -> Tensor:
        keep = torch.ones(2, 1, 1)
        keep[1] = 0
        return weights * keep if site == ("decoder", 1) else weights

    shell = cut.get_submodule("blocks.1.attention")
    assert isinstance(shell, AttentionBase)
    with torch.no_grad():
        shell.output.weight[:, 8:] = 0
        with explicit_attention(model, ablate):
            ablated = model(tokens)
        torch.testing.assert_close(ablated, cut(tokens), rtol=0, atol=1e-6)
        assert not torch.allclose(ablated, model(tokens), atol=1e-6)
