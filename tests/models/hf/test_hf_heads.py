"""Heads of models of transformers: what each adds, what the loss is without it, the stream between layers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import tuneformer
from tests.models.hf.models import model_of, tokens
from tests.models.hf.test_hf_model import ARCHITECTURES
from tuneformer.measures.head_importance import importance_by_ablation, importance_by_gradient
from tuneformer.measures.probe import probe
from tuneformer.models.hf.model import HuggingFaceModel


def losses(model: HuggingFaceModel, copies: int = 1) -> Tensor:
    """Of each example of each copy."""
    logits, targets = model(tokens().repeat(copies, 1)), tokens(seed=2).repeat(copies, 1)
    return (
        F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        .view(targets.shape)
        .mean(dim=1)
    )


@pytest.mark.parametrize(("name", "setting"), ARCHITECTURES)
def test_heads_and_stream_are_those_of_the_library(name: str, setting: str) -> None:
    model = model_of(name, setting).eval()
    given: list[Tensor] = []
    outputs = [watcher.output for watcher in model.watchers]
    handles = [each.register_forward_hook(lambda *seen: given.append(seen[2])) for each in outputs]
    seen = probe(model, (tokens(),))
    for handle in handles:
        handle.remove()
    for (site, heads), added, output in zip(seen.heads.items(), given, outputs, strict=True):
        assert heads.shape == (2, 4, 9, 32), site
        bias: Any = output.bias
        expected = added if bias is None else added - bias
        torch.testing.assert_close(heads.sum(dim=1), expected.detach(), rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        told = model.network(input_ids=tokens(), output_hidden_states=True).hidden_states
    assert len(seen.streams["decoder"]) == len(told) == 3
    for ours, theirs in zip(seen.streams["decoder"][:2], told[:2], strict=True):
        torch.testing.assert_close(ours, theirs)
    assert [units.shape[-1] for units in seen.units["decoder"]] == [88 if name == "llama" else 128] * 2


@pytest.mark.parametrize(("name", "setting"), ARCHITECTURES)
def test_a_head_is_taken_out_where_it_enters_the_output_matrix(name: str, setting: str) -> None:
    model = model_of(name, setting).eval()
    found = importance_by_ablation(
        model, lambda copies: losses(model, copies), by="zero", at_once=3, track=lambda parts: parts
    )
    by_gradient = importance_by_gradient(model, lambda: losses(model))
    assert list(found) == list(by_gradient) == [watcher.site for watcher in model.watchers]
    with torch.no_grad():
        intact, watcher = losses(model).mean(), model.watchers[1]
        weight: Any = watcher.output.weight
        for head in range(4):
            kept = weight.clone()
            weight[:, 8 * head : 8 * (head + 1)] = 0
            expected = losses(model).mean() - intact
            weight.copy_(kept)
            torch.testing.assert_close(found[watcher.site][head], expected, rtol=1e-3, atol=1e-6)


def test_the_page_of_a_run_has_its_heads(small_settings: list[str], command: Callable[..., Any]) -> None:
    tuneformer.train([*small_settings, "model=hf", "model.config=llama", "run_dir=run"])
    answer = command("scripts/analyze.py", "run", "--text", "the quick fox")
    assert answer.status == 0
    assert answer.out[0] == "run, step 3: hugging_face with LlamaAttention: layers x heads decoder 1 x 2"
    heads = Path("run/analysis/heads.csv").read_text(encoding="utf-8")
    assert "ablation" in heads
    assert "importance" in heads
