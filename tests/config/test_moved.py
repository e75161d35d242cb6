import pytest

from tuneformer.config.moved import MOVED, as_of_now, first_name, present_name, with_present_names
from tuneformer.config.registry import PURPOSES, registered_names

pytestmark = pytest.mark.fast

OLD = "tuneformer.models.attention.linear.LinearAttention"
NOW = "tuneformer.models.attention.recurrent.linear.LinearAttention"


def test_a_saved_name_is_found_where_the_class_is_now() -> None:
    assert (present_name(OLD), present_name(NOW), first_name(NOW), first_name(OLD)) == (NOW, NOW, OLD, OLD)
    board = "tuneformer.training.loggers.TensorBoardRunLogger"
    between = "tuneformer.training.loggers.run_loggers.TensorBoardRunLogger"
    now = "tuneformer.training.loggers.tensorboard_logger.TensorBoardRunLogger"
    assert present_name(board) == present_name(between) == present_name(now) == now
    assert first_name(now) == first_name(board) == board
    assert present_name("torch.optim.AdamW") == first_name("torch.optim.AdamW") == "torch.optim.AdamW"


def test_every_name_of_a_shipped_option_has_one_first_name_and_comes_back_from_it() -> None:
    names = {name for group in PURPOSES for name in registered_names(group)}
    assert len({first_name(name) for name in names}) == len(names)
    assert {present_name(first_name(name)) for name in names} == names
    assert sum(first_name(name) != name for name in names) >= len({*MOVED.values()})


def test_every_target_of_a_configuration_is_renamed_at_any_depth() -> None:
    saved = {
        "model": {"attention": {"_target_": OLD, "n": [{"_target_": OLD}, 1]}, "_target_": 3},
        "name": OLD,
    }
    assert with_present_names(saved) == {
        "model": {"attention": {"_target_": NOW, "n": [{"_target_": NOW}, 1]}, "_target_": 3},
        "name": OLD,
    }


def test_a_setting_that_is_gone_is_left_out_of_a_saved_configuration() -> None:
    saved = {"model": {"_target_": OLD, "tasks": ["synthetic"], "n_heads": 1}, "data": {"tasks": 1}}
    assert as_of_now(saved) == {"model": {"_target_": NOW, "n_heads": 1}, "data": {"tasks": 1}}
    assert as_of_now({"model": 1}) == {"model": 1}
