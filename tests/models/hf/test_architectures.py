"""Every architecture that the guide lists is what the library's own code makes of it."""

import copy

import pytest
import torch

from tests.models.hf.models import ARCHITECTURES, model_of, tokens
from tuneformer.models.hf.conv1d import as_the_library_has_it


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_its_logits_are_those_of_the_librarys_explicit_attention(name: str) -> None:
    model = model_of(name).eval()
    with torch.no_grad():
        for parameter, values in model.named_parameters():
            if parameter.endswith("sinks"):
                values.fill_(3.0)
        config = copy.deepcopy(model.network.config)
        explicit = type(model.network)._from_config(config, attn_implementation="eager").eval()
        explicit.load_state_dict(as_the_library_has_it(model.network, model.network.state_dict()))
        expected = explicit(input_ids=tokens(), use_cache=False).logits
        torch.testing.assert_close(model(tokens()), expected, rtol=1e-5, atol=1e-6)
