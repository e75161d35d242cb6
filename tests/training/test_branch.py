"""A branch ends as the run that trained from the start; what cannot be a branch is refused in one line."""

import shutil
from collections.abc import Callable
from contextlib import chdir
from functools import cache
from pathlib import Path

import pytest

from tests.training.conftest import TrainHere, assert_same_run, repeatable_rows
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError
from tuneformer.runs.record import read_record
from tuneformer.training.start import train

TRUNK = ["scheduler=constant", "callbacks.checkpoints.keep_every_n_steps=5", "run_dir=trunk"]
COOLDOWN = ["scheduler=wsd", "scheduler.warmup=3"]


Trunk = Callable[..., Path]


@pytest.fixture(scope="module")
def trained_trunk(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """trained_trunk("optimizer=muon"): a stable run of 30 steps with a checkpoint every 5, trained once."""

    @cache
    def trained(*overrides: str) -> Path:
        with chdir(tmp_path_factory.mktemp("stable")):
            train(check_config(*compose_config([*tiny, *overrides, *TRUNK])))
            return Path("trunk").resolve()

    return trained


@pytest.fixture
def put_trunk(trained_trunk: Callable[..., Path], tmp_path: Path) -> Trunk:
    """put_trunk("optimizer=muon"): a copy of that run, in `trunk`."""
    return lambda *overrides: shutil.copytree(trained_trunk(*overrides), tmp_path / "trunk")


@pytest.fixture
def trunk(tiny: list[str], put_trunk: Trunk) -> list[str]:
    """The plain one in `trunk`; the overrides of it."""
    put_trunk()
    return tiny


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "prodigy"])
@pytest.mark.parametrize(
    ("max_steps", "cooldown", "begins_at"),
    [(20, 5, 15), (24, 0.5, 10), (30, 1, 28)],
    ids=["where it cools down", "before it cools down", "from the trunk's previous checkpoint"],
)
def test_a_branch_equals_the_run_that_trained_from_the_start(
    max_steps: int,
    cooldown: float,
    begins_at: int,
    optimizer: str,
    tiny: list[str],
    put_trunk: Trunk,
    train_here: TrainHere,
    tmp_path: Path,
) -> None:
    own = [f"optimizer={optimizer}", "callbacks=ema", "callbacks.sample.n_tokens=5"]
    put_trunk(*own)
    end = [*tiny, *own, *COOLDOWN, f"trainer.max_steps={max_steps}", f"scheduler.cooldown={cooldown}"]
    train_here([*end, "run_dir=unbranched"])

    train_here([*end, "run_dir=branch", "branch_from=trunk"])

    assert_same_run(tmp_path / "unbranched", tmp_path / "branch")
    assert read_record(tmp_path / "branch" / "record.json").branch == {"from": "trunk", "step": begins_at}


def test_a_branch_has_the_trunk_s_rows_and_goes_on_by_itself_once_begun(
    trunk: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    branch = [*trunk, *COOLDOWN, "trainer.max_steps=20", "scheduler.cooldown=5", "branch_from=trunk"]
    train_here([*branch, "run_dir=branch"])
    before = (tmp_path / "branch" / "metrics.csv").read_bytes()
    ours, theirs = repeatable_rows(tmp_path / "branch"), repeatable_rows(tmp_path / "trunk")
    assert [row for row in ours if row["step"] <= 15] == [row for row in theirs if row["step"] <= 15]
    assert ours[-1]["step"] == 20

    (tmp_path / "trunk" / "checkpoints").rename(tmp_path / "gone")
    train_here([*branch, "run_dir=branch"])  # finished: nothing is needed of the trunk

    assert (tmp_path / "branch" / "metrics.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["branch_from=nowhere"], "nowhere is not a folder: give a run directory"),
        (["scheduler=cosine"], "branch_from=trunk needs scheduler=wsd"),
        (["scheduler.warmup=4"], "branch_from=trunk warmed up for 3 steps, not 4: give scheduler.warmup=3"),
        (["optimizer.lr=1e-4"], "branch_from=trunk was trained with optimizer.lr="),
        (["seed=1"], "branch_from=trunk was trained with seed=0, not 1: a branch may change"),
        (
            ["trainer.max_steps=60"],
            "branch_from=trunk is stable for 30 steps only, and this run until",
        ),
        (["trainer.max_steps=5"], "branch_from=trunk has no checkpoint at or before step 4"),
        (
            ["param_groups.weight_decay_end=2.0"],
            "branch_from=trunk does not go with param_groups.weight_decay_end=2.0",
        ),
    ],
)
def test_a_branch_that_cannot_be_is_refused_and_leaves_nothing(
    overrides: list[str], message: str, trunk: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="^" + message.replace(".", r"\.")):
        train_here(
            [*trunk, *COOLDOWN, "trainer.max_steps=20", "branch_from=trunk", "run_dir=branch", *overrides]
        )
    assert not (tmp_path / "branch").exists()


def test_a_run_whose_rate_falls_from_the_start_is_no_trunk(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    train_here([*tiny, "scheduler=cosine", "run_dir=trunk"])
    with pytest.raises(UserError, match=r"^branch_from=trunk is not a stable trunk: its scheduler must stay"):
        train_here([*tiny, *COOLDOWN, "trainer.max_steps=20", "branch_from=trunk", "run_dir=branch"])


def test_a_trunk_of_another_text_is_refused(trunk: list[str], train_here: TrainHere, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("something else is written here\n" * 200, encoding="utf-8")
    branch = [*COOLDOWN, "trainer.max_steps=20", "branch_from=trunk", "run_dir=branch"]
    with pytest.raises(UserError, match=r"^branch_from=trunk was trained on other data"):
        train_here([*trunk, f"data.path={other}", *branch])
