"""What is a number, and yet of no run."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tuneformer.checks.config import checked_config
from tuneformer.config.described import described_arguments
from tuneformer.config.options import list_options, load_option
from tuneformer.config.ranges import Range
from tuneformer.config.registry import SHIPPED, TARGET, Place
from tuneformer.config.schema import GROUPS, root_arguments
from tuneformer.config.setting import Argument, arguments_of
from tuneformer.config.setting_check import check_value
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        # a number beyond any float
        (["optimizer.lr=1" + "0" * 400], "optimizer.lr=1" + "0" * 79 + "... must fit into 64 bits"),
        (
            ["attention=multi_head_latent", f"attention.rotary_dim={10**12}"],
            f"attention.rotary_dim={10**12} must be at most model.d_model=128",
        ),
        (["model.size=[1]"], "model.size=[1] must be one of"),
        (["scheduler=cyclic", f"scheduler.cycles={2**62}"], f"scheduler.cycles={2**62} must be from 1 to"),
        (
            ["scheduler=cosine_restarts", "scheduler.multiplier=1e30"],
            "scheduler.multiplier=1e+30 must be nearer to 1",
        ),
        (["attention.scale=1e300"], "attention.scale=1e+300 must be positive and at most 1,000,000"),
        (
            ["attention.logit_soft_cap=1e300"],
            "attention.logit_soft_cap=1e+300 must be positive and at most 1,000,000",
        ),
        (
            [f"trainer.max_steps={2**63 - 1}"],
            f"trainer.max_steps={2**63 - 1} must be at least 1 and at most 10,000,000,000",
        ),
        (["trainer.threads=10001"], "trainer.threads=10001 must be at least 1 and at most 10,000"),
        ([f"trainer.num_nodes={10**6}"], f"trainer.num_nodes={10**6} must be at least 1 and at most 100,000"),
        (
            ["optimizer=muon", f"optimizer.matrices.ns_steps={10**6}"],
            f"optimizer.matrices.ns_steps={10**6} must be at least 1 and at most 100",
        ),
        (
            ["launcher=ray", f"launcher.gpus_per_job={10**9}"],
            f"launcher.gpus_per_job={10**9} must be at least 0",
        ),
        (
            ["launcher=slurm", f"launcher.timeout_min={2**62}"],
            f"launcher.timeout_min={2**62} must be at least 1 and at most",
        ),
        (
            [f"callbacks.sample.n_tokens={10**12}"],
            f"callbacks.sample.n_tokens={10**12} must be at least 1 and at most 1,000,000",
        ),
        (
            [f"model.context_length={10**18}"],
            f"model.context_length={10**18} must be at most 1,000,000,000,000",
        ),
        (
            ["optimizer.betas=[0.9,1e300]"],
            "optimizer.betas=[0.9,1e+300]: each must be at least 0 and below 1",
        ),
        (["optimizer.lr=1e300"], "optimizer.lr=1e+300 must be at most 1e+38"),
        (
            ["optimizer=muon", "optimizer.matrices.ns_coefficients=[3,1e300,2]"],
            "optimizer.matrices.ns_coefficients=[3,1e+300,2]: each must be a number from -1e+38 to 1e+38",
        ),
        (["hydra.verbose=nan"], "hydra.verbose=nan must be true, false or names of loggers"),
    ],
)
def test_it_is_refused_in_one_line_that_names_the_setting(overrides: list[str], expected: str) -> None:
    with pytest.raises(UserError) as error:
        checked_config(overrides)
    assert str(error.value).startswith(expected)
    assert "\n" not in str(error.value)


def described(place: Place, settings: Mapping[str, Any]) -> Iterator[tuple[str, Argument]]:
    """What can be set at a place, and inside it."""
    for name, argument in described_arguments(place, settings).items():
        yield ".".join((*place, name)), argument
        for inside, each in arguments_of(argument.types[0]).items() if argument.length == 0 else ():
            yield f"{'.'.join(place)}.{name}[0].{inside}", each
    for name, value in settings.items():
        if isinstance(value, dict) and TARGET in value:
            yield from described((*place, name), value)


def numbers() -> Iterator[tuple[str, str, Argument]]:
    """Every number that any option can be set to: the option, the setting, what is said of it."""
    for group in GROUPS:
        for option in list_options(group, [SHIPPED]):
            for path, argument in described((group,), load_option(group, option, [SHIPPED])):
                if isinstance(argument.setting.allowed, Range):
                    yield f"{group}={option}", path, argument
    yield from (
        ("", name, each) for name, each in root_arguments().items() if isinstance(each.setting.allowed, Range)
    )


def is_taken(path: str, argument: Argument, number: float) -> bool:
    """Whether a setting, or each element of a list, may be this number."""
    n_elements = argument.length if argument.length is not None else 0
    value = [number] * max(n_elements, 1) if argument.length is not None else number
    try:
        check_value(argument, path, value)
    except UserError as error:
        return not str(error).startswith(f"{path}=")
    return True


def test_no_number_is_beyond_what_a_machine_can_hold() -> None:
    found = list(numbers())
    whole = [each for each in found if float not in each[2].types]
    assert len({path for _, path, _ in found}) > 150
    assert {path for _, path, each in whole if is_taken(path, each, 10**18)} == {"seed", "search.seed"}
    assert not [each for each in whole if is_taken(*each[1:], 2**63)]
    unbounded = {path for _, path, each in found if is_taken(path, each, math.inf)}  # where it means: never
    assert unbounded == {"optimizer.growth_rate"}
    real = [each for each in found if float in each[2].types and each[1] not in unbounded]
    assert not [each for each in real if is_taken(*each[1:], 1e300) or is_taken(*each[1:], -1e300)]
