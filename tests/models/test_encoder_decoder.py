import pytest
import torch
from torch import Tensor

from tests.models.families import randomised, small_model
from tests.models.sequence_pairs import (
    SOURCE,
    TARGET,
    VISIBLE,
    assert_padding_changes_nothing,
    assert_reads_its_inputs_in_order,
    assert_steps_equal_the_whole,
)
from tuneformer.models.attention.explicit import record_attention
from tuneformer.models.block import BLOCKS
from tuneformer.models.positions import POSITIONS

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("positions", POSITIONS)
def test_decoding_with_a_cache_equals_the_whole(positions: str) -> None:
    assert_steps_equal_the_whole(randomised(small_model("encoder_decoder", positions=positions)))


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_of_every_kind_decode_blind_to_padding(block: str) -> None:
    model = randomised(small_model("encoder_decoder", block=block))
    assert_steps_equal_the_whole(model)
    assert_padding_changes_nothing(model)
    assert_reads_its_inputs_in_order(model)


def test_one_layer_of_each_side_is_the_papers_equations() -> None:
    model = randomised(small_model("encoder_decoder", n_layers=1, block="post_norm", positions="learned"))
    w = dict(model.named_parameters())

    def norm(x: Tensor, name: str) -> Tensor:
        return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * w[f"{name}.weight"]

    def attend(x: Tensor, memory: Tensor, name: str, allowed: Tensor) -> Tensor:
        heads = []
        q, k, v = (
            y @ w[f"{name}.{kind}.weight"].T for y, kind in ((x, "query"), (memory, "key"), (memory, "value"))
        )
        for head in (slice(0, 8), slice(8, 16)):
            logits = q[:, head] @ k[:, head].T / 8**0.5
            heads.append(logits.masked_fill(~allowed, float("-inf")).softmax(-1) @ v[:, head])
        return torch.cat(heads, dim=-1) @ w[f"{name}.output.weight"].T

    def feed_forward(x: Tensor, name: str) -> Tensor:
        gate, up, down = (w[f"{name}.feed_forward.{kind}.weight"] for kind in ("gate", "up", "down"))
        return (torch.nn.functional.silu(x @ gate.T) * (x @ up.T)) @ down.T

    logits = model(SOURCE, VISIBLE, TARGET)
    table, positions = w["token_embedding.weight"], w["position_embedding.weight"]
    for row, n in enumerate((7, 4, 1)):
        x, y = table[SOURCE[row, :n]] + positions[:n], table[TARGET[row]] + positions[:9]
        e, d = "encoder_blocks.0", "blocks.0"
        x = norm(x + attend(x, x, f"{e}.attention", torch.ones(n, n).bool()), f"{e}.attention_norm")
        x = norm(x + feed_forward(x, e), f"{e}.feed_forward_norm")
        y = norm(y + attend(y, y, f"{d}.attention", torch.ones(9, 9).tril().bool()), f"{d}.attention_norm")
        crossed = attend(y, x, f"{d}.cross_attention", torch.ones(9, n).bool())
        y = norm(y + crossed, f"{d}.cross_attention_norm")
        y = norm(y + feed_forward(y, d), f"{d}.feed_forward_norm")
        torch.testing.assert_close(logits[row], y @ table.T, rtol=0, atol=1e-11)


def test_its_attention_is_recorded_on_both_sides_and_between() -> None:
    model = randomised(small_model("encoder_decoder"))
    with record_attention(model) as weights:
        model(SOURCE, VISIBLE, TARGET)
    assert {site: recorded[0].shape for site, recorded in weights.items()} == {
        **{("encoder", layer): (3, 2, 7, 7) for layer in (0, 1)},
        **{("decoder", layer): (3, 2, 9, 9) for layer in (0, 1)},
        **{("cross", layer): (3, 2, 9, 7) for layer in (0, 1)},
    }
    assert (weights["cross", 1][0][1, :, :, 4:] == 0).all()


def test_the_output_is_the_embedding_or_a_matrix_of_its_own() -> None:
    tied, untied = (small_model("encoder_decoder", tie_embeddings=tie) for tie in (True, False))
    assert tied.output is None
    assert untied(SOURCE, VISIBLE, TARGET).shape == (3, 9, 11)
