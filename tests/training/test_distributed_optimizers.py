"""Every optimizer in two processes: as in one, or refused in one line."""

from pathlib import Path

import pytest

from tests.training.conftest import read_checkpoint, repeatable_rows
from tests.training.test_resume import CONF, OPTIMIZERS
from tests.training.two_ranks import train_in_two_ranks
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.config.options import load_option
from tuneformer.errors import UserError
from tuneformer.optim.factory import optimizer_factory
from tuneformer.optim.sharding import check_shardable
from tuneformer.training.start import train

SHORT = ["trainer.max_steps=12", "trainer.val_check_interval=6", "scheduler.warmup=3"]
# In float64 no sign of a gradient depends on the order of a sum. Lightning shards none but smaller numbers.
PRECISION = {"ddp": "64-true", "fsdp": "32-true"}
TOLERANCE = {"ddp": 1e-8, "fsdp": 1e-4}
COARSE = {
    "muon": 3e-2,
    "soap": 3e-2,
    "prodigy": 1e-4,
}  # where they round to bfloat16 or float32 by themselves


# said once more, so that one whose facts lose their word for it is not left out in silence
WHOLE_TENSORS = (
    *("adafactor", "kron", "muon", "normuon", "normuon_short", "prodigy", "schedule_free_adamw", "scion"),
    *("shampoo", "soap", "sophia", "stable_adamw"),
)
SHARDED = [name for name in OPTIMIZERS if name not in WHOLE_TENSORS]


@pytest.fixture(scope="module")
def ran(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all runs, <option>-<strategy>-<processes>."""
    folder = tmp_path_factory.mktemp("two")
    in_two = {}
    for strategy, names in (("ddp", OPTIMIZERS), ("fsdp", SHARDED)):
        for name in names:
            run = [*tiny, *SHORT, f"optimizer={name}", f"trainer.precision={PRECISION[strategy]}"]
            train(check_config(*compose_config([*run, f"run_dir={folder}/{name}-{strategy}-1"])))
            in_two[f"{name}-{strategy}-2"] = [f"trainer={strategy}", *run]
    train_in_two_ranks(in_two, folder)
    return folder


@pytest.mark.proof
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("optimizer", "strategy"),
    [*((name, "ddp") for name in OPTIMIZERS), *((name, "fsdp") for name in SHARDED)],
)
def test_two_processes_train_as_one(optimizer: str, strategy: str, ran: Path) -> None:
    one, two = (ran / f"{optimizer}-{strategy}-{processes}" for processes in (1, 2))
    tolerance = max(TOLERANCE[strategy], COARSE.get(optimizer, 0))
    for expected, found in zip(repeatable_rows(one), repeatable_rows(two), strict=True):
        assert found == pytest.approx(expected, rel=tolerance, abs=1e-9)
    weights = read_checkpoint(one)["state_dict"]
    for key, found in read_checkpoint(two)["state_dict"].items():
        assert (found - weights[key]).abs().max() <= tolerance, key


@pytest.mark.fast
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_does_not_work_on_shards_is_refused_in_one_line_and_nothing_else(optimizer: str) -> None:
    factory = optimizer_factory(load_option("optimizer", optimizer, [CONF]))
    if optimizer in SHARDED:
        check_shardable(factory)
        return
    with pytest.raises(UserError, match=r"^trainer\.strategy=fsdp does not go with \w+, which needs whole"):
        check_shardable(factory)
