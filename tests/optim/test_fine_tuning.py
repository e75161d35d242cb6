"""What is frozen has no gradient, state or decay; rates of layers follow the closed form, whatever trains."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from tests.models.hf.models import model_of
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError
from tuneformer.models.build import build_model, plan_model
from tuneformer.optim.build import build_optimizer, build_schedule
from tuneformer.optim.schedules import linear
from tuneformer.runs.identity import config_hash, determining

pytestmark = pytest.mark.fast

ADDED = ("freeze", "freeze_layers", "layer_decay")
Rates = dict[str, tuple[float, float]]


def rates_of(optimizer: torch.optim.Optimizer) -> Rates:
    """Rate and weight decay of each parameter, by name."""
    return {
        name: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for name in group["param_names"]
    }


def built(model: nn.Module, factory: Any, groups: Any) -> Rates:
    return rates_of(build_optimizer(model, factory, groups))


@pytest.fixture
def family(load_settings: Callable) -> Callable[..., nn.Module]:
    """A small model of three layers on each side, of an option of conf/model."""

    def build(option: str, **replaced: object) -> nn.Module:
        small = {"n_layers": 3, "n_heads": 2, "d_model": 8, "context_length": 6, "vocab_size": 11}
        settings = load_settings("model", option)
        return build_model(
            settings | {name: value for name, value in (small | replaced).items() if name in settings},
            load_settings("attention", "multi_head"),
            needs={},
        )

    return build


def depth_by_name(name: str, *, n_layers: int, encoder_layers: int = 0) -> int:
    """l of L, by what names say and nothing else."""
    found = re.search(r"(encoder_blocks|blocks|layers|h)\.(\d+)\.", name)
    if found is None:
        is_input = re.search(r"(token|position|patch)_embedding|class_token|wte|wpe|embed_tokens", name)
        return 0 if is_input else n_layers + 1
    return int(found[2]) + 1 + (encoder_layers if found[1] == "blocks" else 0)


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "soap", "lion", "shampoo", "schedule_free_adamw"])
@pytest.mark.parametrize("option", ["default", "nanogpt", "uniform"])
def test_each_layer_has_the_rate_of_the_closed_form_and_the_decay_of_its_rule(
    optimizer: str, option: str, make: Callable, family: Callable
) -> None:
    if optimizer in ("muon", "soap", "shampoo") and option == "uniform":
        pytest.skip("no hidden matrices")
    factory, model = make("optimizer", optimizer), family("decoder", tie_embeddings=False)
    plain = built(model, factory, make("param_groups", option))
    layered = built(model, factory, make("param_groups", option, layer_decay=0.7))
    assert layered.keys() == plain.keys() == dict(model.named_parameters()).keys()
    for name, (lr, decay) in layered.items():
        factor = 0.7 ** (4 - depth_by_name(name, n_layers=3))
        assert lr == pytest.approx(plain[name][0] * factor, rel=1e-12), name
        assert decay == plain[name][1]


@pytest.mark.parametrize("option", ["encoder", "encoder_decoder", "vit"])
def test_other_families_count_their_layers_from_the_input_on(
    option: str, make: Callable, family: Callable
) -> None:
    model, factory = family(option), make("optimizer", "adamw", lr=1.0)
    both = option == "encoder_decoder"
    n_layers, before = (6, 3) if both else (3, 0)
    layered = built(model, factory, make("param_groups", "default", layer_decay=0.5))
    for name, (lr, _) in layered.items():
        depth = depth_by_name(name, n_layers=n_layers, encoder_layers=before)
        assert lr == 0.5 ** (n_layers + 1 - depth), name


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "gpt_neox"])
def test_models_of_transformers_have_the_same_rates(architecture: str, make: Callable) -> None:
    model = model_of(architecture)
    layered = built(
        model, make("optimizer", "muon", lr=1.0), make("param_groups", "default", layer_decay=0.5)
    )
    plain = built(model, make("optimizer", "muon", lr=1.0), make("param_groups", "default"))
    for name, (lr, _) in layered.items():
        known = name.replace("embed_in", "embed_tokens")
        factor = 0.5 ** (3 - depth_by_name(known, n_layers=2))
        assert lr == pytest.approx(plain[name][0] * factor), name


def test_mup_scales_hidden_matrices_besides(make: Callable, family: Callable) -> None:
    model = family("decoder_mup", d_model=32, base_width=8)
    factory = make("optimizer", "adamw", lr=1.0)
    layered = built(model, factory, make("param_groups", "mup", layer_decay=0.5))
    plain = built(model, factory, make("param_groups", "mup"))
    for name, (lr, decay) in layered.items():
        assert lr == pytest.approx(plain[name][0] * 0.5 ** (4 - depth_by_name(name, n_layers=3)))
        assert decay == plain[name][1]
    assert layered["blocks.2.attention.query.weight"][0] == pytest.approx(0.5 / 4)


def test_a_schedule_multiplies_the_rate_of_each_layer(make: Callable, family: Callable) -> None:
    model = family("decoder")
    optimizer = build_optimizer(
        model, make("optimizer", "sgd", lr=1.0), make("param_groups", "default", layer_decay=0.5)
    )
    shape = partial(linear, warmup=0, floor=0.0)
    peaks = rates_of(optimizer)
    schedule = build_schedule(optimizer, shape, horizon=10)
    for step in range(1, 8):
        optimizer.step()
        schedule.step()
        for name, (lr, _) in rates_of(optimizer).items():
            assert lr == pytest.approx(peaks[name][0] * shape(step, horizon=10))


def test_groups_are_cut_only_where_they_lie_at_several_depths(make: Callable, family: Callable) -> None:
    groups = make("param_groups", "default", layer_decay=0.5).split(family("decoder", tie_embeddings=False))
    names = [group.rule.name for group in groups]
    assert names == [
        *(f"norms_and_biases.{part}" for part in ("decoder.0", "decoder.1", "decoder.2", "output")),
        *("embeddings", "output"),
        *(f"matrices.decoder.{layer}" for layer in range(3)),
    ]


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "soap"])
@pytest.mark.parametrize("kind", ["own", "l2", "cautious"])
def test_what_is_frozen_has_no_gradient_no_state_and_no_decay(
    optimizer: str, kind: str, make: Callable, family: Callable
) -> None:
    torch.manual_seed(0)
    model = family("decoder", tie_embeddings=False)
    factory = make("optimizer", optimizer, lr=0.1, weight_decay=0.3)
    groups = make("param_groups", "default", freeze=["feed_forward"], freeze_layers=1, weight_decay_kind=kind)
    trained = build_optimizer(model, factory, groups)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for _ in range(3):
        trained.zero_grad()
        model(torch.randint(11, (2, 6))).logsumexp(-1).sum().backward()
        trained.step()
    expected = {
        name
        for name in before
        if "feed_forward" in name.partition(".norm")[0] or depth_by_name(name, n_layers=3) <= 1
    }
    for name, parameter in model.named_parameters():
        assert (name in expected) == torch.equal(before[name], parameter), name
        assert (parameter.grad is None) == (name in expected), name
        assert (parameter in trained.state) != (name in expected), name


def test_embeddings_alone_are_frozen_by_0_layers(make: Callable, family: Callable) -> None:
    model = family("vit", positions="learned")
    make("param_groups", "default", freeze_layers=0).fine_tuning.freeze_in(model)
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == {name for name in dict(model.named_parameters()) if depth_by_name(name, n_layers=3) == 0}


def test_frozen_weights_are_counted_without_gradient_and_state(
    load_settings: Callable, make: Callable
) -> None:
    settings = load_settings("model", "decoder", n_layers=5, n_heads=2, d_model=8)
    attention = load_settings("attention", "multi_head")
    freeze = make("param_groups", "default", freeze_layers=3, freeze=["norm"]).fine_tuning.freeze_in
    model = build_model(settings, attention, needs={})
    freeze(model)
    numbers = plan_model(settings, attention, needs={}).numbers(freeze=freeze)
    assert numbers.held == sum(each.numel() for each in (*model.parameters(), *model.buffers()))
    assert numbers.trained == sum(each.numel() for each in model.parameters() if each.requires_grad)
    assert 0 < numbers.trained < numbers.held


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"freeze": ["atention"]}, "freeze[0]=atention is found in no parameter: there are token_embedding"),
        ({"freeze": ["["]}, "param_groups.freeze[0]=[ is no regular expression"),
        (
            {"freeze": ["."]},
            "freeze=[.] freezes the whole model, and nothing is left to train: its parts are",
        ),
        ({"freeze_layers": 4}, "freeze_layers=4 is more than the 3 layers of the model"),
        ({"freeze_layers": -1}, "freeze_layers=-1 must be 0 or more"),
        (
            {"freeze_layers": 3, "freeze": ["^norm"]},
            "freeze=[^norm] with param_groups.freeze_layers=3 freezes",
        ),
        ({"layer_decay": 0.0}, "layer_decay=0.0 must be greater than 0 and at most 1"),
        ({"layer_decay": 1.5}, "layer_decay=1.5 must be greater than 0 and at most 1"),
    ],
)
def test_a_bad_value_is_one_clear_line(
    given: dict[str, object], expected: str, make: Callable, family: Callable
) -> None:
    with pytest.raises(UserError, match=re.escape(expected)) as raised:
        built(family("decoder"), make("optimizer", "adamw"), make("param_groups", "default", **given))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("given", [{"layer_decay": 0.5}, {"freeze_layers": 1}])
def test_a_model_that_does_not_say_which_its_layers_are_is_refused(
    given: dict[str, object], make: Callable
) -> None:
    with pytest.raises(UserError, match="needs layers, and Linear does not say which are its own"):
        built(nn.Linear(2, 2), make("optimizer", "adamw"), make("param_groups", "uniform", **given))


def test_a_run_without_fine_tuning_is_the_run_that_it_was_before_it_was_there() -> None:
    config = check_config(*compose_config([]))
    before = config | {"param_groups": {k: v for k, v in config["param_groups"].items() if k not in ADDED}}
    assert determining(config) == determining(before)
    for line in ("freeze=[norm]", "freeze_layers=0", "layer_decay=1.0"):
        assert config_hash(check_config(*compose_config([f"param_groups.{line}"]))) != config_hash(config)


def test_an_optimizer_for_matrices_without_any_that_trains_is_refused(
    make: Callable, family: Callable
) -> None:
    groups = make("param_groups", "default", freeze=["blocks"])
    with pytest.raises(UserError, match="holds any that trains"):
        built(family("decoder"), make("optimizer", "muon"), groups)
