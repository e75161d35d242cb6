"""What is known of an optimizer is said on its class; a class of the same name elsewhere is another one."""

from functools import partial

import pytest
import torch

from tuneformer.config.building import find_target
from tuneformer.config.described import description_of
from tuneformer.config.options import list_options, load_option
from tuneformer.config.registry import SHIPPED
from tuneformer.errors import UserError
from tuneformer.optim.facts import Facts, facts_of
from tuneformer.optim.sharding import changed_for_shards, check_shardable

pytestmark = pytest.mark.fast


class AdamW(torch.optim.AdamW):
    """Somebody's own, named as torch's."""


class Mine(AdamW):
    facts = Facts(works_on_shards=True, changed_on_shards={"fused": False}, width_exponent=0.25)


def test_a_class_says_it_itself_and_one_that_says_nothing_is_not_taken_for_another() -> None:
    assert facts_of(torch.optim.AdamW).works_on_shards
    assert facts_of(AdamW) == Facts()
    assert facts_of(Mine).exponent({}) == 0.25
    assert facts_of(torch.optim.Adamax) == Facts()


@pytest.mark.parametrize("option", list_options("optimizer", [SHIPPED]))
def test_what_is_known_of_a_class_is_found_by_the_class_itself(option: str) -> None:
    settings = load_option("optimizer", option, [SHIPPED])
    if option == "any":
        return
    described = description_of(("optimizer",), settings)
    found = find_target(settings["_target_"], ("optimizer",), kind=torch.optim.Optimizer)
    assert facts_of(found) == getattr(described, "facts", Facts())


def test_what_a_class_of_ones_own_says_of_shards_holds() -> None:
    check_shardable(partial(Mine, lr=0.1))
    assert changed_for_shards(partial(Mine, lr=0.1)) == {"fused": False}
    with pytest.raises(UserError, match=r"^trainer\.strategy=fsdp does not go with AdamW, which needs whole"):
        check_shardable(partial(AdamW, lr=0.1))


def test_the_exponent_of_muon_follows_its_scaling() -> None:
    facts = facts_of(torch.optim.Muon)
    assert facts.exponent({"adjust_lr_fn": "original"}) == 0.0
    assert facts.exponent({"adjust_lr_fn": "match_rms_adamw"}) == 0.5
