"""Models of transformers: what ours do with them is what the library does."""

import subprocess
import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.conftest import ROOT
from tests.models.hf.models import CONTEXT, VOCABULARY, model_of, plan_of, settings_of, tokens
from tuneformer.errors import UserError
from tuneformer.inference.generation import generate
from tuneformer.models.attention.explicit import record_attention
from tuneformer.models.hf.conv1d import as_the_library_has_it
from tuneformer.models.hf.model import HuggingFaceModel
from tuneformer.models.memory_needed import ModelNumbers
from tuneformer.models.parts import parameters_by_part
from tuneformer.models.size import flops_per_token
from tuneformer.optim.build import build_optimizer
from tuneformer.optim.factory import optimizer_factory, param_groups

GROUPED = "model.keys.num_key_value_heads=2"
ARCHITECTURES = [("llama", GROUPED), ("gpt2", "model.dropout=0.1")]


@pytest.mark.parametrize(("name", "setting"), ARCHITECTURES)
def test_attention_that_is_looked_at_is_that_of_the_library(name: str, setting: str) -> None:
    model = model_of(name, setting).eval()
    with torch.no_grad():
        plain = model(tokens())
        with record_attention(model) as seen:
            watched = model(tokens())
        model.network.set_attn_implementation("eager")
        told = model.network(input_ids=tokens(), output_attentions=True, use_cache=False)
    torch.testing.assert_close(watched, plain, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(plain, told.logits, rtol=1e-5, atol=1e-6)
    assert list(seen) == [("decoder", 0), ("decoder", 1)]
    for site, weights in zip(seen, told.attentions, strict=True):
        torch.testing.assert_close(seen[site][0], weights, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "setting"), ARCHITECTURES)
def test_it_generates_with_its_cache_what_it_does_without(
    name: str, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(name, setting)

    def written() -> list[int]:
        drawn = torch.Generator().manual_seed(0)
        how = {"n_tokens": CONTEXT - 3, "temperature": 1.0, "top_k": None, "generator": drawn}
        return [*generate(model, torch.tensor([1, 2, 3]), context_length=CONTEXT, **how)]

    cached = written()
    monkeypatch.setattr(type(model), "new_cache", lambda _: None)
    assert written() == cached


def test_rules_know_its_parameters_by_what_they_are() -> None:
    rules = settings_of("gpt2")["param_groups"]
    gpt2 = {group.rule.name: group for group in param_groups(rules).split(model_of("gpt2"))}
    prefix = "network.transformer"
    assert list(gpt2["embeddings"].parameters) == [f"{prefix}.wte.weight", f"{prefix}.wpe.weight"]
    assert all(p.dim() == 1 for p in gpt2["norms_and_biases"].parameters.values())
    assert len(gpt2["matrices"].parameters) == 2 * 4
    assert gpt2["matrices"].row_parts == {
        f"{prefix}.h.{layer}.attn.c_attn.weight": (1, 1, 1) for layer in (0, 1)
    }
    llama = {group.rule.name: group for group in param_groups(rules).split(model_of("llama"))}
    assert list(llama["output"].parameters) == ["network.lm_head.weight"]
    assert len(llama["matrices"].parameters) == 2 * 7
    phi3 = {group.rule.name: group for group in param_groups(rules).split(model_of("phi3", GROUPED))}
    parts = {name.split(".")[-2]: parts for name, parts in phi3["matrices"].row_parts.items()}
    assert parts == {"qkv_proj": (4, 2, 2), "gate_up_proj": (1, 1)}


def as_the_twin_sees_it(name: str, weight: Tensor) -> list[Tensor]:
    """The matrices (out, in) that a tensor of the library's GPT-2 stands for; views where that can be."""
    if weight.dim() != 2 or ".c_" not in name:
        return [weight]
    return [part.T for part in weight.chunk(3 if "c_attn" in name else 1, dim=1)]


class Twin:
    """The library's own GPT-2, trained by optimizers that are given its matrices one by one."""

    def __init__(self, model: HuggingFaceModel, config: dict[str, Any]) -> None:
        self.network = type(model.network)(model.network.config)
        turned = as_the_library_has_it(model.network, model.network.state_dict())
        self.network.load_state_dict(turned, strict=False)
        factory = optimizer_factory(config["optimizer"]).keywords
        lr = config["optimizer"]["lr"]
        self.seen = {
            name: [nn.Parameter(part.detach().clone()) for part in as_the_twin_sees_it(name, p)]
            for name, p in self.network.named_parameters()
        }
        matrices = [part for name, parts in self.seen.items() if ".c_" in name for part in parts]
        rest = [part for name, parts in self.seen.items() if ".c_" not in name for part in parts]
        rest += [part for part in matrices if part.dim() < 2]
        how = {"weight_decay": 0.0}
        self.optimizers = [
            factory["matrices"]([part for part in matrices if part.dim() == 2], lr=lr, **how),
            factory["others"](rest, lr=lr * config["optimizer"]["others_lr_ratio"], **how),
        ]

    def step(self, batch: Tensor, targets: Tensor) -> None:
        """One step on both."""
        self.network.zero_grad()
        F.cross_entropy(self.network(input_ids=batch).logits.flatten(0, 1), targets.flatten()).backward()
        with torch.no_grad():
            for name, parameter in self.network.named_parameters():
                assert parameter.grad is not None
                for mine, gradient in zip(
                    self.seen[name], as_the_twin_sees_it(name, parameter.grad), strict=True
                ):
                    mine.grad = gradient.contiguous()
            for optimizer in self.optimizers:
                optimizer.step()
            for name, parameter in self.network.named_parameters():
                for place, mine in zip(as_the_twin_sees_it(name, parameter), self.seen[name], strict=True):
                    place.copy_(mine)


@pytest.mark.usefixtures("muon_in_float32")
@pytest.mark.parametrize("optimizer", ["muon", "soap"])
def test_matrices_of_gpt2_train_as_if_they_lay_apart(optimizer: str) -> None:
    config = settings_of("gpt2", f"optimizer={optimizer}", "optimizer.weight_decay=0.0")
    model = model_of("gpt2")
    twin = Twin(model, config)
    trained = build_optimizer(
        model, optimizer_factory(config["optimizer"]), param_groups(config["param_groups"])
    )
    for step in range(4):
        batch, targets = tokens(4, seed=step), tokens(4, seed=step + 100)
        twin.step(batch, targets)
        trained.zero_grad()
        F.cross_entropy(model(batch).flatten(0, 1), targets.flatten()).backward()
        trained.step()
    ours = as_the_library_has_it(model.network, model.network.state_dict())
    begun = as_the_library_has_it(model.network, model_of("gpt2").network.state_dict())
    for name, expected in twin.network.named_parameters():
        moved = float((expected.detach() - begun[name]).abs().mean())
        assert float((ours[name] - expected.detach()).abs().mean()) < 0.01 * moved, name


def test_a_tied_matrix_has_one_name_in_a_checkpoint() -> None:
    model, other = model_of("gpt2"), model_of("gpt2", seed=1)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert "network.transformer.wte.weight" in state
    assert "network.lm_head.weight" not in state
    other.load_state_dict(state)
    assert other.network.lm_head.weight is other.network.transformer.wte.weight
    torch.testing.assert_close(other.eval()(tokens()), model.eval()(tokens()))


def test_its_parts_are_its_layers_and_what_stands_around_them() -> None:
    assert list(parameters_by_part(model_of("llama"))) == [
        "embedding",
        "decoder.0",
        "decoder.1",
        "norm",
        "lm_head",
    ]


def test_its_numbers_are_counted_without_building_it() -> None:
    plan = plan_of("llama", "model.n_layers=3")
    model = model_of("llama", "model.n_layers=3")
    counted, there = plan.numbers(n_tokens=CONTEXT), ModelNumbers.of(model, n_tokens=CONTEXT)
    assert (counted.held, counted.trained) == (there.held, there.trained)


def test_its_cost_is_that_of_the_products() -> None:
    layer = 4 * 32 * 32 + 3 * 32 * 88 + 2 * 32
    products = 2 * (2 * layer + 32 + VOCABULARY * 32) + 4 * 32 * CONTEXT * 2
    assert flops_per_token(model_of("llama"), context_length=CONTEXT) == 3 * products


def test_rotations_stay_in_float32_where_weights_are_short() -> None:
    model = model_of("llama")
    before = model.network.model.rotary_emb.inv_freq.clone()
    model.to(torch.bfloat16)
    assert torch.equal(model.network.model.rotary_emb.inv_freq, before)
    assert model.network.lm_head.weight.dtype == torch.bfloat16


def test_weights_are_drawn_anew_as_the_library_draws_them() -> None:
    model = model_of("gpt2")
    before = model.network.transformer.h[0].mlp.c_fc.weight.detach().clone()
    torch.manual_seed(5)
    model.initialize()
    drawn = model.network.transformer.h[0].mlp.c_fc.weight.detach()
    assert not torch.equal(drawn, before)
    assert float(drawn.std()) == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], r"model.config is missing: give an architecture, as llama, or model.path=<folder>"),
        (["model.config=llama", "model.path=."], r"model.config=llama does not go with model.path=\.,"),
        (["model.path=nowhere/at/all"], r"model.path=nowhere/at/all is no folder; a model on the hub is"),
        (["model.path=."], r"model.path=\. holds no config.json"),
        (["model.config=./none.json"], r"model.config=none.json does not exist"),
        (["model.config=llama", "model.size=huge"], r"model.size=huge must be one of nano, tiny,"),
        (["model.config=llama", "attention=sigmoid"], r"attention=sigmoid has no place in a model"),
        (["model.config=llama", "param_groups=mup"], r"param_groups=mup scales rates from model.base_width"),
    ],
)
@pytest.mark.fast
def test_what_is_not_there_is_one_line(overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as told:
        settings_of(None, *overrides)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("lama", [], r"model.config=lama is no architecture of transformers: did you mean llama\?"),
        ("vit", [], r"model.config=vit is no causal language model of transformers: it is a classifier"),
        ("llama", ["model.keys.hidden_sise=3"], r"model.keys.hidden_sise is not a setting of llama: did you"),
        ("llama", ["model.d_model=30"], r"model.config=llama cannot be built: .*30.* multiple"),
        (
            "llama",
            ["model.keys.num_key_value_heads=two"],
            r"llama with model.keys.num_key_value_heads cannot be built: .*two",
        ),
        ("llama", ["model.keys.num_key_value_heads=0"], r"num_key_value_heads cannot be built: ZeroDivision"),
        (
            "llama",
            ["model.keys.num_key_value_heads=3"],
            r"num_key_value_heads cannot be built: RuntimeError: ",
        ),
        (
            "llama",
            ["model.keys.hidden_act=foo"],
            r"with model.keys.hidden_act cannot be built: KeyError: 'foo'",
        ),
        (
            "llama",
            ["model.keys.rope_parameters={rope_type:foo,rope_theta:10000.0}"],
            r"with model.keys.rope_parameters cannot be built: KeyError: 'foo'",
        ),
    ],
)
def test_what_the_library_cannot_build_is_one_line(name: str, overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as told:
        model_of(name, *overrides)
    assert "\n" not in str(told.value)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"model=hf needs a package that is not installed: pip install"):
        model_of("llama")


def test_help_and_checks_do_not_load_it() -> None:
    line = ["train.py", "--cfg", "job", "model=hf", "model.config=llama"]
    code = (
        f"import runpy, sys; sys.argv = {line!r}\ntry: runpy.run_path({str(ROOT / 'train.py')!r},"
        " run_name='__main__')\nfinally: print('loaded', {'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=100
    )
    assert done.stdout.splitlines()[-1] == "loaded set()", done.stderr
