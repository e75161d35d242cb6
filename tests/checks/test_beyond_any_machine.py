"""What is a number, and yet of no run."""

import pytest

from tuneformer.checks.config import checked_config
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
        (["model.tasks=1"], "model.tasks cannot be set: it is what model=decoder can do"),
        (["model.size=[1]"], "model.size=[1] must be one of"),
        (["scheduler=cyclic", f"scheduler.cycles={2**62}"], f"scheduler.cycles={2**62} must be from 1 to"),
        (
            ["scheduler=cosine_restarts", "scheduler.multiplier=1e300"],
            "scheduler.multiplier=1e+300 must be nearer to 1",
        ),
        (["hydra.verbose=nan"], "hydra.verbose=nan must be true, false or names of loggers"),
    ],
)
def test_it_is_refused_in_one_line_that_names_the_setting(overrides: list[str], expected: str) -> None:
    with pytest.raises(UserError) as error:
        checked_config(overrides)
    assert str(error.value).startswith(expected)
    assert "\n" not in str(error.value)
