from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import pytest
from torch import nn

from tests.optim.conftest import OWN_DECAY
from tuneformer.errors import UserError
from tuneformer.optim.param_groups import ParamGroups, group_table

pytestmark = pytest.mark.fast

VARIANTS: list[dict[str, Any]] = [
    {},
    {"norm": "layer_norm", "bias": True},
    {"norm": "layer_norm", "bias": False, "feed_forward": "gelu", "positions": "learned"},
    {"feed_forward": "squared_relu", "positions": "sinusoidal"},
    {"positions": "none", "tie_embeddings": False},
    {"qk_norm": True, "tie_embeddings": False, "bias": True, "positions": "learned"},
]


def rule(name: str, pattern: str, *, lr: float = 1.0, decay: float = 1.0) -> dict[str, object]:
    return {"name": name, "pattern": pattern, "lr_multiplier": lr, "weight_decay_multiplier": decay}


@pytest.mark.parametrize("option", ["default", "nanogpt", "uniform"])
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_each_parameter_of_a_decoder_is_in_exactly_one_group(
    option: str, variant: dict[str, Any], make: Callable, make_decoder: Callable
) -> None:
    model = make_decoder(**variant)
    groups = make("param_groups", option).split(model)
    grouped = [id(parameter) for group in groups for parameter in group.parameters.values()]
    assert sorted(grouped) == sorted(id(parameter) for parameter in model.parameters())


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_by_default_only_matrices_that_multiply_decay(
    variant: dict[str, Any], make: Callable, make_decoder: Callable
) -> None:
    model = make_decoder(**variant)
    looked_up = {id(p) for name, p in model.named_parameters() if "embedding" in name}
    for group in make("param_groups", "default").split(model):
        for parameter in group.parameters.values():
            multiplies = parameter.dim() == 2 and id(parameter) not in looked_up
            assert group.rule.weight_decay_multiplier == float(multiplies)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_as_in_nanogpt_what_has_two_dimensions_decays(
    variant: dict[str, Any], make: Callable, make_decoder: Callable
) -> None:
    for group in make("param_groups", "nanogpt").split(make_decoder(**variant)):
        for parameter in group.parameters.values():
            assert group.rule.weight_decay_multiplier == float(parameter.dim() >= 2)


def test_a_tied_matrix_is_seen_once_and_as_an_embedding(make: Callable, make_decoder: Callable) -> None:
    groups = {group.rule.name: group for group in make("param_groups", "default").split(make_decoder())}
    assert list(groups["embeddings"].parameters) == ["token_embedding.weight"]
    assert not any(name.startswith("output") for name in groups["matrices"].parameters)


def test_the_first_matching_rule_wins() -> None:
    model = nn.Linear(2, 3)
    first, second = ParamGroups(**OWN_DECAY, rules=[rule("bias", "bias"), rule("all", ".")]).split(model)
    assert (list(first.parameters), list(second.parameters)) == (["bias"], ["weight"])


def test_multipliers_scale_rate_and_decay_of_their_group() -> None:
    model = nn.Linear(2, 3)
    (group,) = ParamGroups(**OWN_DECAY, rules=[rule("all", ".", lr=0.5, decay=3.0)]).split(model)
    settings = group.settings(lr=0.2, weight_decay=0.1)
    assert settings == {
        "name": "all",
        "params": [("weight", model.weight), ("bias", model.bias)],
        "lr": pytest.approx(0.1),
        "weight_decay": pytest.approx(0.3),
        "hidden_matrices": False,
        "row_parts": (1,),
    }


def test_a_frozen_parameter_is_covered_but_not_trained() -> None:
    model = nn.Linear(2, 3)
    model.bias.requires_grad_(False)
    groups = ParamGroups(**OWN_DECAY, rules=[rule("bias", "bias"), rule("all", ".")]).split(model)
    assert [group.rule.name for group in groups] == ["all"]


def test_the_table_counts_tensors_and_numbers() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
    groups = ParamGroups(
        **OWN_DECAY, rules=[rule("bias", "bias", decay=0.0), rule("all", ".", lr=2.0)]
    ).split(model)
    assert [astuple(row) for row in group_table(groups)] == [
        ("bias", 2, 7, 1.0, 0.0),
        ("all", 2, 18, 2.0, 1.0),
    ]


def test_a_parameter_that_no_rule_covers_is_named() -> None:
    with pytest.raises(UserError) as error:
        ParamGroups(**OWN_DECAY, rules=[rule("matrices", "weight"), rule("norms", "norm")]).split(
            nn.Linear(2, 3)
        )
    assert str(error.value) == (
        "param_groups.rules cover no parameter bias: add a rule for it (patterns: weight, norm)"
    )


@pytest.mark.parametrize(
    "rules", [[rule("n", "norm"), rule("all", ".")], [rule("all", "."), rule("n", "weight")]]
)
def test_a_rule_left_without_parameters_is_named(rules: list[dict[str, object]]) -> None:
    with pytest.raises(UserError, match=r"^param_groups\.rules\[\d\]\.pattern=\w+ \(group n\) matches no "):
        ParamGroups(**OWN_DECAY, rules=rules).split(nn.Linear(2, 3))


def test_a_model_without_trainable_parameters_is_refused() -> None:
    model = nn.Linear(2, 3).requires_grad_(False)
    with pytest.raises(UserError, match=r"no trainable parameter"):
        ParamGroups(**OWN_DECAY, rules=[rule("all", ".")]).split(model)
