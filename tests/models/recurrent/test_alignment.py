import math

import pytest
import torch

from tests.models.families import randomised
from tuneformer.errors import UserError
from tuneformer.models.attention.explicit import record_attention
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.recurrent.alignment import SCORES, Alignment

pytestmark = pytest.mark.fast

SITE = AttentionSite("cross", 0)


@pytest.mark.parametrize("score", SCORES)
def test_an_alignment_is_the_papers_equations_key_by_key(score: str) -> None:
    alignment = randomised(Alignment(score=score, d_model=4, site=SITE))
    w = {name.removeprefix("score."): p.detach() for name, p in alignment.named_parameters()}
    generator = torch.Generator().manual_seed(1)
    query = torch.randn(2, 4, dtype=torch.float64, generator=generator)
    states = torch.randn(2, 5, 4, dtype=torch.float64, generator=generator)
    visible = torch.arange(5) < torch.tensor([[5], [2]])
    with record_attention(alignment) as weights:
        found = alignment(query, alignment.read(states, visible))
    for row, n in enumerate((5, 2)):
        exponentials = []
        for h in states[row, :n]:
            if score == "additive":
                inside = w["query.weight"] @ query[row] + w["key.weight"] @ h
                e = float(w["score.weight"][0] @ torch.tanh(inside))
            else:
                e = float(query[row] @ (w["key.weight"] @ h))
            exponentials.append(math.exp(e))
        a = torch.tensor([e / sum(exponentials) for e in exponentials], dtype=torch.float64)
        torch.testing.assert_close(weights[SITE][0][row, 0, 0, :n], a, rtol=0, atol=1e-12)
        assert (weights[SITE][0][row, 0, 0, n:] == 0).all()
        torch.testing.assert_close(found[row], a @ states[row, :n], rtol=0, atol=1e-12)


def test_an_unknown_score_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.score=dot must be one of additive, multiplicative"):
        Alignment(score="dot", d_model=4, site=SITE)
