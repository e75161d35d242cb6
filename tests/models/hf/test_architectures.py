"""Every architecture that the guide lists is what the library's own code makes of it."""

import copy
from pathlib import Path

import pytest
import torch

from tests.models.hf.models import ARCHITECTURES, model_of, settings_of, tokens
from tuneformer.models.build import build_model
from tuneformer.models.hf.conv1d import as_the_library_has_it
from tuneformer.models.hf.source import ARCHITECTURE_FILE, with_kept_architecture

OFTEN = ("gpt2", "gpt_oss", "llama", "mamba", "xglm")
"""One of each kind: fused, with sinks, rotated, without heads, sinusoidal; the others are proofs."""
EACH = [pytest.param(name, marks=[] if name in OFTEN else pytest.mark.proof) for name in ARCHITECTURES]


@pytest.mark.parametrize("name", EACH)
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


@pytest.mark.parametrize("name", EACH)
def test_it_is_made_again_from_what_its_run_keeps(name: str, tmp_path: Path) -> None:
    trained, config = model_of(name).eval(), settings_of(name)
    file = tmp_path / ARCHITECTURE_FILE
    file.write_text(trained.kept_files[ARCHITECTURE_FILE], encoding="utf-8")
    loaded = build_model(with_kept_architecture(config["model"], file), config["attention"], needs={}).eval()
    loaded.load_state_dict(trained.state_dict())
    with torch.no_grad():
        assert torch.equal(loaded(tokens()), trained(tokens()))


@pytest.mark.parametrize(
    "setting", ["bloom", "gpt_neox", "persimmon", "gpt_bigcode", "gpt_bigcode model.keys.multi_query=false"]
)
def test_the_third_parts_of_a_fused_matrix_are_its_values(setting: str) -> None:
    model, (first, second) = model_of(*setting.split()).eval(), tokens(2)
    second[1:] = first[1:]
    with torch.no_grad():
        before = model(torch.stack([first, second]))[:, 1:]
        for name, parts in model.row_parts().items():
            weight = model.get_parameter(name)
            unit = weight.shape[0] // sum(parts)
            for values in weight.split([unit * part for part in parts])[2::3]:
                values.zero_()
        after = model(torch.stack([first, second]))[:, 1:]
    assert not torch.allclose(before[0], before[1])
    torch.testing.assert_close(after[0], after[1], rtol=0.0, atol=1e-6)
