from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.models.families import small_model
from tuneformer.measures.probe import probe
from tuneformer.training.callbacks.attention_maps import first_example_maps


@pytest.mark.fast
def test_a_pass_of_its_own_shows_what_the_probe_sees() -> None:
    model: Any = small_model("lstm_attention").eval()
    tokens = torch.randint(11, (3, 7), generator=torch.Generator().manual_seed(0))
    inputs = (tokens, torch.ones(3, 7, dtype=torch.bool), tokens)
    task: Any = SimpleNamespace(model=model, loss=lambda batch: model(*batch))
    maps = first_example_maps(task, inputs)
    seen = probe(model, inputs).attention
    assert list(maps) == list(seen)
    for site, found in seen.items():
        torch.testing.assert_close(maps[site], found.weights[0])
