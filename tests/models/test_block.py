from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.block import BLOCKS, Block, block_kind
from tuneformer.models.decoder import Decoder
from tuneformer.models.forward_pass import ForwardPass

pytestmark = pytest.mark.fast

SHARED = ForwardPass(start=0, mask=AttentionMask(causal=True), cache=None)


class Branch(nn.Module):
    """tanh(W x): what a branch computes does not matter to the block."""

    weight: Tensor

    def __init__(self, seed: int) -> None:
        super().__init__()
        drawn = torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("weight", drawn)

    def forward(self, x: Tensor, shared: ForwardPass | None = None) -> Tensor:
        return torch.tanh(x @ self.weight)


class Norm(nn.Module):
    """x / rms(x) times a gain that is another in every norm of the block."""

    made = 0

    def __init__(self) -> None:
        super().__init__()
        Norm.made += 1
        self.gain = 1 + 0.3 * Norm.made

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * x / x.square().mean(-1, keepdim=True).sqrt()


def build(kind: str, *, cross: bool) -> Block:
    Norm.made = 0
    block = BLOCKS[kind](
        attention=Branch(1),
        cross_attention=Branch(2) if cross else None,
        feed_forward=Branch(3),
        make_norm=Norm,
        dropout=0.0,
    )
    return block.double()


def outputs_of(module: nn.Module) -> list[Tensor]:
    """What the module gives, call after call."""
    outputs: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        outputs.append(output)

    module.register_forward_hook(keep)
    return outputs


def restated(kind: str, x: Tensor, block: Block) -> Tensor:
    """The equations of the four kinds, branch after branch."""
    parts: dict[str, Any] = dict(block.named_children())
    names = [name for name in ("attention", "cross_attention", "feed_forward") if name in parts]
    branches = {name: parts[name] for name in names}
    norm: dict[str, Any] = {name: parts.get(f"{name}_norm") for name in names}
    if kind == "parallel":
        return x + sum(branch(norm["attention"](x)) for branch in branches.values())
    for name, branch in branches.items():
        if kind == "pre_norm":
            x = x + branch(norm[name](x))
        elif kind == "post_norm":
            x = norm[name](x + branch(x))
        else:
            x = x + parts[f"{name}_output_norm"](branch(norm[name](x)))
    return x


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("kind", BLOCKS)
def test_each_kind_is_its_equation(kind: str, cross: bool) -> None:
    block = build(kind, cross=cross)
    x = torch.randn(2, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(block(x, SHARED), restated(kind, x, block), rtol=0, atol=1e-12)


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("kind", BLOCKS)
def test_every_norm_of_a_block_changes_its_output(kind: str, cross: bool) -> None:
    block = build(kind, cross=cross)
    x = torch.randn(1, 3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    before = block(x, SHARED)
    norms = [module for module in block.modules() if isinstance(module, Norm)]
    branches = 3 if cross else 2
    assert len(norms) == {"sandwich": 2 * branches, "parallel": 1}.get(kind, branches)
    for norm in norms:
        norm.gain += 1
        assert (block(x, SHARED) - before).abs().amax() > 1e-3
        norm.gain -= 1


@pytest.mark.parametrize("kind", BLOCKS)
def test_dropout_acts_on_each_branch(kind: str) -> None:
    block = build(kind, cross=True)
    block.dropout.p = 0.5
    dropped = outputs_of(block.dropout)
    block(torch.ones(2, 50, 6, dtype=torch.float64), SHARED)
    assert len(dropped) == 3
    assert all(0.3 < (output == 0).double().mean() < 0.7 for output in dropped)


@pytest.mark.parametrize("kind", BLOCKS)
def test_a_decoder_of_each_kind_decodes_with_a_cache_and_is_causal(
    decoder: Callable[..., Decoder], tokens: Tensor, kind: str
) -> None:
    model = decoder(block=kind).double().eval()
    cache = model.new_cache()
    with torch.no_grad():
        parts = [model(part, cache) for part in tokens.split([5, 1, 6], dim=1)]
        whole = model(tokens)
        torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-11)
        changed = tokens.clone()
        changed[:, 6:] = (changed[:, 6:] + 1) % 11
        torch.testing.assert_close(model(changed)[:, :6], whole[:, :6], rtol=0, atol=1e-12)


def test_post_norm_ends_in_the_norm_of_its_last_layer(
    decoder: Callable[..., Decoder], tokens: Tensor
) -> None:
    model = decoder(block="post_norm").double()
    ends = outputs_of(model.get_submodule("blocks.1.feed_forward_norm"))
    torch.testing.assert_close(model(tokens), ends[0] @ model.token_embedding.weight.T, rtol=0, atol=0)
    assert not [name for name, _ in model.named_parameters() if name.startswith("norm.")]


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.block=prenorm must be one of pre_norm, post_norm, sandwich"):
        block_kind("prenorm")
