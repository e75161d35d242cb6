import pytest
import torch
from torch import nn

from tuneformer.optim.sharding import on_shards

pytestmark = pytest.mark.fast


def test_how_a_group_is_stepped_stays_as_it_is_where_the_state_is_loaded() -> None:
    weight = nn.Parameter(torch.ones(2))
    written = torch.optim.SGD([weight], lr=0.1, momentum=0.9, fused=True)
    weight.sum().backward()
    written.step()
    here = torch.optim.SGD([weight], lr=0.5, momentum=0.9, fused=False)
    here.load_state_dict(on_shards(written.state_dict(), here))
    assert (here.param_groups[0]["lr"], here.param_groups[0]["fused"]) == (0.1, False)
    assert torch.equal(here.state[weight]["momentum_buffer"], torch.ones(2))
