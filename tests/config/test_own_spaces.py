"""Where a search looks unless it is told: where each optimizer says."""

import pytest

from tuneformer.config.compose import compose_config
from tuneformer.config.options import list_options
from tuneformer.config.own_spaces import own_spaces
from tuneformer.config.registry import SHIPPED

pytestmark = pytest.mark.fast

SPACES = own_spaces([SHIPPED])


def test_every_optimizer_says_where_its_rate_lies_but_the_one_that_names_none() -> None:
    assert SPACES.keys() == set(list_options("optimizer", [SHIPPED])) - {"any"}
    for option, space in SPACES.items():
        rate = space["optimizer"]["d_coef" if option == "prodigy" else "lr"]
        assert 60 < rate["high"] / rate["low"] < 67, option


def test_what_two_optimizers_share_is_searched_where_the_hidden_matrices_train_best() -> None:
    assert SPACES["muon"]["optimizer"]["lr"] == {"low": 2.5e-3, "high": 0.16, "log": True}
    assert SPACES["kron"]["optimizer"]["weight_decay"] == {"low": 0.07, "high": 2.0, "log": True}


def test_they_stand_in_the_composed_configuration_where_each_end_can_be_set() -> None:
    config = compose_config(["search=tpe", "search.spaces.adamw.optimizer.lr.high=0.01"])[0]
    assert config.search.spaces.lion == SPACES["lion"]
    assert config.search.spaces.adamw.optimizer.lr == {"low": 5e-4, "high": 0.01, "log": True}
    assert list(compose_config(["search=adamw_tpe"])[0].search.spaces) == ["adamw"]
