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
        (["model.size=[1]"], "model.size=[1] must be one of"),
        (["scheduler=cyclic", f"scheduler.cycles={2**62}"], f"scheduler.cycles={2**62} must be from 1 to"),
        (
            ["scheduler=cosine_restarts", "scheduler.multiplier=1e300"],
            "scheduler.multiplier=1e+300 must be nearer to 1",
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
        (["hydra.verbose=nan"], "hydra.verbose=nan must be true, false or names of loggers"),
    ],
)
def test_it_is_refused_in_one_line_that_names_the_setting(overrides: list[str], expected: str) -> None:
    with pytest.raises(UserError) as error:
        checked_config(overrides)
    assert str(error.value).startswith(expected)
    assert "\n" not in str(error.value)
