"""Adapters of models that translate or read images, as of those that go on with a text."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.hf.test_image_classifiers import pictures, settings_of_vit, vit_of
from tests.models.hf.test_translators import pairs, settings_of_translator, translator_of
from tuneformer.errors import UserError
from tuneformer.models.hf.lora import has_adapter, merged_weights, weight_of
from tuneformer.models.hf.model import HuggingFaceModel

Build = Callable[..., HuggingFaceModel]
EACH = [
    pytest.param(translator_of, settings_of_translator, pairs, "t5", None, id="t5"),
    pytest.param(translator_of, settings_of_translator, pairs, "bart", None, id="bart"),
    pytest.param(translator_of, settings_of_translator, pairs, "marian", "q_proj,fc1", id="marian"),
    pytest.param(vit_of, settings_of_vit, lambda: (pictures(),), "vit", "all-linear", id="vit"),
]


@pytest.mark.parametrize(("build", "settings", "inputs", "name", "targets"), EACH)
def test_they_begin_without_effect_train_alone_and_are_merged(
    build: Build,
    settings: Callable[..., dict[str, Any]],
    inputs: Callable[[], tuple[Tensor, ...]],
    name: str,
    targets: str | None,
) -> None:
    chosen = ["model.lora_rank=3", *([] if targets is None else [f"model.lora_targets=[{targets}]"])]
    plain, adapted = build(name).eval(), build(name, *chosen).eval()
    with torch.no_grad():
        assert torch.equal(plain(*inputs()), adapted(*inputs()))
    shapes = [weight_of(module).shape for module in adapted.modules() if has_adapter(module)]
    trained = {each: p for each, p in adapted.named_parameters() if p.requires_grad and "lora_" in each}
    assert sum(p.numel() for p in trained.values()) == sum(3 * sum(shape) for shape in shapes) > 0
    others = {each for each, p in adapted.named_parameters() if p.requires_grad} - trained.keys()
    assert all("classifier" in each for each in others)
    with torch.no_grad():
        for each, parameter in trained.items():
            if "lora_B" in each:
                parameter.normal_(generator=torch.Generator().manual_seed(5))
        before = adapted(*inputs())
        plain.load_state_dict(merged_weights(adapted.state_dict(), settings(name, *chosen)["model"]))
        after = plain(*inputs())
    torch.testing.assert_close(before, after, rtol=1e-4, atol=1e-4)


def test_where_peft_knows_no_usual_matrices_they_are_asked_for() -> None:
    with pytest.raises(
        UserError, match=r"model.lora_targets is missing: peft has no usual ones of marian; its"
    ):
        translator_of("marian", "model.lora_rank=3")
