"""The rules of conf/param_groups over every family of models."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from tests.models.families import CONF, FAMILIES, small_model
from tuneformer.config.options import list_options, load_option
from tuneformer.errors import UserError
from tuneformer.optim.mup import MuP
from tuneformer.optim.param_groups import Group, ParamGroups

pytestmark = pytest.mark.fast

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *[(family, {}) for family in FAMILIES],
    ("encoder", {"pooling": "attention", "positions": "learned", "bias": True}),
    ("encoder_decoder", {"tie_embeddings": False, "bias": True, "block": "sandwich"}),
    ("lstm", {"tie_embeddings": False}),
    ("lstm_attention", {"score": "additive", "tie_embeddings": False}),
    ("lstm_attention", {"n_classes": 5}),
    ("vit", {"pooling": "mean", "positions": "rope"}),
]


def groups_of(option: str, model: nn.Module) -> dict[str, Group]:
    settings = load_option("param_groups", option, [CONF])
    built = ParamGroups(**{key: value for key, value in settings.items() if key != "_target_"})
    return {group.rule.name: group for group in built.split(model)}


@pytest.mark.parametrize("option", list_options("param_groups", [CONF]))
@pytest.mark.parametrize(("family", "changes"), VARIANTS)
def test_the_rules_cover_every_parameter_and_only_matrices_are_hidden(
    option: str, family: str, changes: dict[str, Any]
) -> None:
    model = small_model(family, **changes)
    groups = groups_of(option, model)
    covered = [name for group in groups.values() for name in group.parameters]
    assert sorted(covered) == sorted(name for name, _ in model.named_parameters())
    for group in groups.values():
        for name, parameter in group.parameters.items():
            if group.rule.hidden_matrices:
                assert min(parameter.shape) > 1, name
                assert "embedding" not in name, name
                assert not name.startswith("output."), name
                rows = parameter.shape[0]
                assert rows % sum(group.rule.row_parts) == 0, name


def test_the_gates_of_an_lstm_are_four_matrices_each() -> None:
    groups = groups_of("default", small_model("lstm_attention"))
    gates = groups["gates"]
    assert gates.rule.row_parts == (1, 1, 1, 1)
    assert all("weight_ih" in name or "weight_hh" in name for name in gates.parameters)
    # two directions of two layers, and two cells, each over inputs and states
    assert len(gates.parameters) == 2 * 2 * 2 + 2 * 2
    vectors = groups["norms_and_biases"].parameters
    assert len([name for name in vectors if "bias_" in name]) == len(gates.parameters)


@pytest.mark.parametrize("family", FAMILIES)
def test_width_transfer_is_refused_where_a_family_does_not_implement_it(family: str) -> None:
    settings = load_option("param_groups", "mup", [CONF])
    built = MuP(**{key: value for key, value in settings.items() if key != "_target_"})
    with pytest.raises(UserError, match=r"param_groups=mup scales rates from model\.base_width"):
        built.for_optimizer(small_model(family), partial(torch.optim.AdamW, lr=0.1))
