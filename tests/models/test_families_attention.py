"""Every option of conf/attention in the models that read both ways."""

from typing import Any

import pytest
import torch

from tests.models.attention.modules import CONF, OPTIONS, described
from tuneformer.config.options import load_option
from tuneformer.errors import UserError
from tuneformer.models.build import build_model
from tuneformer.models.encoder import Encoder
from tuneformer.models.encoder_decoder import EncoderDecoder

pytestmark = pytest.mark.fast

NEEDS = {"vocab_size": 11, "n_classes": 3, "context_length": 12}
SMALL = {"size": None, "n_layers": 2, "n_heads": 2, "d_model": 16}


def build(family: str, option: str, **changes: Any) -> torch.nn.Module:
    model = load_option("model", family, [CONF])
    model |= SMALL | {key: value for key, value in NEEDS.items() if key in model} | changes
    torch.default_generator.manual_seed(0)
    return build_model(model, load_option("attention", option, [CONF]), needs=NEEDS).eval()


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("positions", ["rope", "t5"])
def test_padding_changes_no_class_and_no_translation(option: str, positions: str) -> None:
    chosen = described(option)
    if not chosen.sees_both_ways or (positions == "t5" and not chosen.has_logits):
        for family in ("encoder", "encoder_decoder"):
            with pytest.raises(UserError, match=r"sees the past only|bias on attention logits") as error:
                build(family, option, positions=positions)
            assert "\n" not in str(error.value)
        return
    # no token twice: without positions their logits would tie, and rounding would choose among the k best
    tokens = torch.stack([torch.randperm(11, generator=torch.Generator().manual_seed(s))[:9] for s in (1, 2)])
    padded = torch.nn.functional.pad(tokens, (0, 3), value=7)
    visible = torch.arange(12).expand(2, 12) < 9
    encoder, translator = build("encoder", option, positions=positions), build("encoder_decoder", option)
    assert isinstance(encoder, Encoder)
    assert isinstance(translator, EncoderDecoder)
    with torch.no_grad():
        alone, among = encoder(tokens), encoder(padded, visible)
        torch.testing.assert_close(among, alone, rtol=1e-4, atol=1e-6)
        everything = torch.ones(2, 9, dtype=torch.bool)
        alone, among = (
            translator(source, shown, tokens) for source, shown in ((tokens, everything), (padded, visible))
        )
        torch.testing.assert_close(among, alone, rtol=1e-4, atol=1e-6)
