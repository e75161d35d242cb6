import pytest
import torch

from tests.models.attention.modules import build, drawn
from tuneformer.measures.attention_logits import largest_logit, qk_clip_factor
from tuneformer.models.attention.base import QKVAttentionBase
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.forward_pass import ForwardPass

pytestmark = pytest.mark.fast


def test_clipped_and_run_again_the_largest_logit_is_tau() -> None:
    shell, x, mask = build("multi_head"), drawn(2, 12, 16), AttentionMask(causal=True)
    assert isinstance(shell, QKVAttentionBase)
    shared = ForwardPass(start=0, mask=mask, cache=None)
    allowed = mask.allowed(12, 12, x.device)

    def largest() -> torch.Tensor:
        q, k, _ = shell.project(x, shared)
        return largest_logit(shell.core.logits(q, k, None), allowed)

    before = largest()
    tau = float(before.median())
    factors = qk_clip_factor(before, tau=tau).repeat_interleave(shell.head_dim)
    assert (factors < 1).any()
    with torch.no_grad():
        for linear in (shell.query, shell.key):
            linear.weight.mul_(factors[:, None])
            linear.bias.mul_(factors)
    torch.testing.assert_close(largest(), before.clamp(max=tau))


def test_logits_that_the_mask_hides_do_not_count() -> None:
    logits = torch.tensor([[1.0, 9.0], [-2.0, 3.0]]).expand(1, 2, 2, 2)
    assert largest_logit(logits, None).tolist() == [9, 9]
    assert largest_logit(logits, torch.ones(2, 2, dtype=torch.bool).tril()).tolist() == [3, 3]
    assert qk_clip_factor(torch.tensor([400.0, 100.0, -3.0]), tau=100.0).tolist() == [0.5, 1, 1]
