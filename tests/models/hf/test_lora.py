"""Adapters: they begin with no effect, have the gradients of the closed form, and are gone once merged."""

import re
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.hf.classifiers import classifier_of, settings_of_classifier
from tests.models.hf.models import model_of, plan_of, settings_of, tokens
from tuneformer.errors import UserError
from tuneformer.models.build import build_model
from tuneformer.models.hf.attention import LibraryHeads
from tuneformer.models.hf.lora import ADAPTER, has_adapter, merged_weights, weight_of, without_adapters
from tuneformer.models.hf.model import HuggingFaceModel
from tuneformer.optim.build import build_optimizer
from tuneformer.optim.factory import optimizer_factory, param_groups
from tuneformer.runs.identity import config_hash, determining

LORA = ("model.lora_rank=3", "model.lora_alpha=6")
EVERY = (*LORA, "model.lora_targets=[all-linear]")


def with_adapters(name: str, *overrides: str) -> HuggingFaceModel:
    """A model whose B are no longer 0, in float64."""
    model = model_of(name, *overrides).double()
    drawn = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for each, parameter in model.named_parameters():
            if "lora_B" in each:
                parameter.copy_(torch.randn(parameter.shape, generator=drawn, dtype=torch.float64))
    return model.eval()


@pytest.mark.parametrize("name", ["gpt2", "llama", "gpt_neox", "bloom", "qwen3", "phi3"])
def test_at_first_the_logits_are_those_of_the_model_without(name: str) -> None:
    plain, adapted = model_of(name).eval(), model_of(name, *EVERY).eval()
    with torch.no_grad():
        assert torch.equal(plain(tokens()), adapted(tokens()))
    own = dict(plain.named_parameters())
    for each, parameter in adapted.named_parameters():
        assert parameter.requires_grad == ("lora_" in each)
        assert each.replace(".base_layer", "") in own or "lora_" in each
    adapted(tokens()).logsumexp(-1).sum().backward()
    gradients = {n: p.grad for n, p in adapted.named_parameters() if p.requires_grad}
    assert all(gradient is not None for gradient in gradients.values())


def test_gradients_of_a_and_b_are_those_of_the_closed_form() -> None:
    model = with_adapters("llama", *LORA)
    layer: Any = model.network.model.layers[0].self_attn.q_proj
    drawn = torch.Generator().manual_seed(0)
    x, upstream = (torch.randn(7, 32, generator=drawn, dtype=torch.float64) for _ in range(2))
    A, B, W = layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight, layer.base_layer.weight
    y = layer(x)
    torch.testing.assert_close(y, x @ W.T + 2 * (x @ A.T) @ B.T, rtol=1e-12, atol=1e-12)
    (y * upstream).sum().backward()
    torch.testing.assert_close(A.grad, 2 * B.T @ upstream.T @ x, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(B.grad, 2 * upstream.T @ (x @ A.T), rtol=1e-12, atol=1e-12)
    assert W.grad is None


@pytest.mark.parametrize("name", ["gpt2", "llama", "bloom"])
def test_merged_it_is_the_plain_model_with_the_same_logits(name: str) -> None:
    model = with_adapters(name, *EVERY)
    with torch.no_grad():
        before = model(tokens())
        seen = [module.output_weight for module in model.modules() if isinstance(module, LibraryHeads)]
        plain, group = model_of(name).double().eval(), settings_of(name, *EVERY)["model"]
        first = plain(tokens())
        plain.load_state_dict(merged_weights(model.state_dict(), group))
        after = plain(tokens())
    assert not torch.allclose(first, after)
    torch.testing.assert_close(before, after, rtol=1e-10, atol=1e-10)
    assert without_adapters(group) == settings_of(name)["model"]
    for weight, module in zip(seen, [m for m in plain.modules() if isinstance(m, LibraryHeads)], strict=True):
        torch.testing.assert_close(weight, module._around[0].get_submodule(_last(module)).weight)


def _last(watcher: LibraryHeads) -> str:
    around = watcher._around[0]
    return next(name for name in ("o_proj", "c_proj", "dense") if hasattr(around, name))


def test_muon_sees_a_and_b_and_the_parts_of_a_fused_b() -> None:
    config = settings_of("gpt2", *LORA, "optimizer=muon", "optimizer.weight_decay=0")
    model = model_of("gpt2", *LORA)
    rules = param_groups(config["param_groups"])
    optimizer = build_optimizer(model, optimizer_factory(config["optimizer"]), rules)
    [group] = optimizer.param_groups
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert group["name"] == "matrices"
    assert group["hidden_matrices"]
    assert set(group["param_names"]) == set(trained) == {n for n in trained if re.search("lora_[AB]", n)}
    moved: dict[str, Tensor] = {}
    for _ in range(2):  # A has no gradient while B is 0
        before = {name: p.detach().clone() for name, p in trained.items()}
        optimizer.zero_grad()
        model(tokens()).logsumexp(-1).square().sum().backward()
        optimizer.step()
        moved = {name: p.detach() - before[name] for name, p in trained.items()}
    assert len(moved) == 4
    for name, step in moved.items():
        for part in step.chunk(3) if "lora_B" in name else (step,):
            values = torch.linalg.svdvals(part)
            assert float(values.min() / values.max()) > 0.4, name


def test_the_one_row_of_an_adapter_of_rank_one_is_a_matrix() -> None:
    rank_one = ("model.lora_rank=1", "model.dropout=0")
    model, rules = classifier_of("bert", *rank_one), settings_of_classifier("bert", *rank_one)["param_groups"]
    groups = {group.rule.name: group.parameters for group in param_groups(rules).split(model)}
    assert sum("lora_A" in name for name in groups["matrices"]) == 4
    assert "lora_" not in " ".join(
        name for group, names in groups.items() if group != "matrices" for name in names
    )


def test_what_trains_is_counted_before_anything_is_built() -> None:
    for overrides in (LORA, EVERY, (*LORA, "model.lora_targets=[layers.1.self_attn.q_proj]")):
        model = model_of("llama", *overrides)
        numbers = plan_of("llama", *overrides).numbers()
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        shapes = [weight_of(module).shape for module in model.modules() if has_adapter(module)]
        assert numbers.trained == trained == sum(3 * sum(shape) for shape in shapes)


def test_dropout_is_of_the_inputs_of_adapters_alone() -> None:
    model = with_adapters("llama", *LORA, "model.lora_dropout=0.5")
    layer: Any = model.network.model.layers[0].self_attn.v_proj
    assert layer.lora_dropout[ADAPTER].p == 0.5
    assert not torch.equal(model.train()(tokens()), model(tokens()))
    assert torch.equal(model.eval()(tokens()), model(tokens()))


@pytest.mark.parametrize(
    ("name", "overrides", "expected"),
    [
        ("llama", ["model.lora_rank=0"], "model.lora_rank=0 must be at least 1"),
        ("llama", ["model.lora_alpha=8"], "model.lora_alpha is a setting of adapters: give model.lora_rank"),
        (
            "llama",
            ["model.lora_dropout=0.1"],
            "model.lora_dropout is a setting of adapters: give model.lora_",
        ),
        ("llama", [*LORA, "model.lora_dropout=1.0"], "model.lora_dropout=1.0 must be at least 0 and below 1"),
        (
            "llama",
            [*LORA, "model.lora_targets=[q_prj]"],
            "model.lora_targets=q_prj is the end of the name of no linear layer with a matrix of its own:"
            " there are q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, lm_head",
        ),
        (
            "gpt2",
            [*LORA, "model.lora_targets=[lm_head]"],
            "model.lora_targets=lm_head is the end of the name",
        ),
        ("mamba", EVERY, "model.lora_rank=3 cannot be built: [PEFT:PeftType.LORA] Module 'out_proj'"),
        (
            "olmo2",
            LORA,
            "model.lora_targets is missing: peft has no usual ones of olmo2; its linear layers are",
        ),
    ],
)
def test_a_bad_setting_is_one_clear_line(name: str, overrides: list[str], expected: str) -> None:
    with pytest.raises(UserError, match=re.escape(expected)) as raised:
        model_of(name, *overrides)
    assert "\n" not in str(raised.value)


def test_a_run_without_adapters_is_the_run_that_it_was_before_there_were_any() -> None:
    config = settings_of("llama")
    model = {name: value for name, value in config["model"].items() if not name.startswith("lora_")}
    assert len(config["model"]) == len(model) + 4
    assert determining(config) == determining(config | {"model": model})
    built = build_model(model, config["attention"], needs={})
    assert list(built.state_dict()) == list(model_of("llama").state_dict())
    assert config_hash(settings_of("llama", *LORA)) != config_hash(config)


@pytest.mark.parametrize("fault", ["missing", "shape", "rank"])
def test_adapters_that_do_not_fit_are_one_clear_line(fault: str) -> None:
    state, group = model_of("llama", *LORA).state_dict(), settings_of("llama", *LORA)["model"]
    name = next(each for each in state if "lora_A" in each)
    if fault == "missing":
        del state[name]
    elif fault == "shape":
        state[name] = state[name][:2]
    with pytest.raises(UserError, match="its adapters do not fit its matrices"):
        merged_weights(state, group | ({"lora_rank": "three"} if fault == "rank" else {}))
