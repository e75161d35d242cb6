"""Which processes are ranks of one run: those that the trainer asked for, whatever the environment says."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from lightning_fabric.utilities.rank_zero import rank_zero_only

from tests.records import record_of
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.identity import config_hash
from tuneformer.runs.record import read_record
from tuneformer.training import start
from tuneformer.training.launch import (
    ALONE,
    OTHER_RANK,
    Launch,
    check_as_many_as_launched,
    find_launch,
    started_beside,
)

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "RANK": "1",
    "LOCAL_RANK": "1",
    "GROUP_RANK": "0",
    "WORLD_SIZE": "2",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29500",
}
SRUN = {"SLURM_PROCID": "1", "SLURM_LOCALID": "1", "SLURM_STEP_NUM_TASKS": "2", "SLURM_NTASKS": "2"}
OF_LIGHTNING = {
    OTHER_RANK: "1",
    "LOCAL_RANK": "1",
    "NODE_RANK": "0",
    "WORLD_SIZE": "2",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "1",
}
STRAY = [
    {"RANK": "1"},
    {"LOCAL_RANK": "1"},
    {"NODE_RANK": "1", "GROUP_RANK": "1"},
    {"SLURM_PROCID": "1", "SLURM_LOCALID": "1"},
    {"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_ID": "7"},
    {"RANK": "2", "WORLD_SIZE": "1"},
    {"RANK": "one", "WORLD_SIZE": "two"},
    {"RANK": "-1", "WORLD_SIZE": "2"},
    {"WORLD_SIZE": "4"},
    {"MASTER_ADDR": "elsewhere", "MASTER_PORT": "1", "LOCAL_RANK": "3"},
    {name: value for name, value in OF_LIGHTNING.items() if name != OTHER_RANK},
]


def trainer(devices: int | str = 1, num_nodes: int = 1) -> dict[str, int | str]:
    return {"devices": devices, "num_nodes": num_nodes}


@pytest.mark.fast
@pytest.mark.parametrize("stray", STRAY)
@pytest.mark.parametrize("devices", [1, 2, "auto"])
def test_stray_variables_make_no_rank(stray: dict[str, str], devices: int | str) -> None:
    assert find_launch(trainer(devices), stray) == ALONE


@pytest.mark.fast
@pytest.mark.parametrize(
    ("environment", "settings", "rank", "by"),
    [
        (TORCHRUN, trainer(2), 1, "torchrun"),
        (TORCHRUN, trainer(1, 2), 1, "torchrun"),
        (TORCHRUN, trainer("auto"), 1, "torchrun"),
        (TORCHRUN | {"SLURM_NTASKS": "1", "SLURM_PROCID": "0"}, trainer(2), 1, "torchrun"),
        (SRUN, trainer(2), 1, "srun"),
        (SRUN, trainer("auto"), 1, "srun"),
        (OF_LIGHTNING, trainer(2), 1, "lightning"),
        (OF_LIGHTNING, trainer("auto"), 1, "lightning"),
        (OF_LIGHTNING | SRUN | {"SLURM_STEP_NUM_TASKS": "1"}, trainer(2), 1, "lightning"),
        (OF_LIGHTNING | {"NODE_RANK": "1", "WORLD_SIZE": "4"}, trainer(2, 2), 3, "lightning"),
        ({"NODE_RANK": "1", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, trainer(4, 2), 4, "nodes"),
    ],
)
def test_a_process_that_was_started_for_the_run_is_one(
    environment: dict[str, str], settings: dict[str, int | str], rank: int, by: str
) -> None:
    launch = find_launch(settings, environment)
    assert (launch.rank, launch.by) == (rank, by)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("environment", "settings", "line"),
    [
        (
            TORCHRUN,
            trainer(1),
            "trainer.devices=1 x trainer.num_nodes=1 is 1 process, and torchrun started 2 (WORLD_SIZE):"
            " trainer.devices=2 is needed",
        ),
        (
            TORCHRUN | {"WORLD_SIZE": "4"},
            trainer(4),
            None,
        ),
        (
            TORCHRUN | {"WORLD_SIZE": "4"},
            trainer(1),
            "trainer.devices=1 x trainer.num_nodes=1 is 1 process, and torchrun started 4 (WORLD_SIZE):"
            " trainer.devices=2 trainer.num_nodes=2 is needed",
        ),
        (
            TORCHRUN | {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"},
            trainer(2),
            "trainer.devices=2 x trainer.num_nodes=1 is 2 processes, and torchrun started 1 (WORLD_SIZE):"
            " trainer.devices=1 is needed",
        ),
        (
            SRUN | {"SLURM_STEP_NUM_TASKS": "4"},
            trainer(2),
            "trainer.devices=2 x trainer.num_nodes=1 is 2 processes, and srun started 4 tasks: srun --nodes=1"
            " --ntasks-per-node=2 is needed",
        ),
        (
            {},
            trainer(2, 2),
            "trainer.num_nodes=2 needs a launcher (torchrun, srun), or NODE_RANK, MASTER_ADDR and MASTER_PORT"
            " on each node",
        ),
    ],
)
def test_another_number_of_processes_than_the_trainer_asks_for_is_one_line(
    environment: dict[str, str], settings: dict[str, int | str], line: str | None
) -> None:
    if line is None:
        assert find_launch(settings, environment).n_processes == 4
        return
    with pytest.raises(UserError) as error:
        find_launch(settings, environment)
    assert str(error.value) == line


@pytest.mark.fast
@pytest.mark.parametrize("rank", ["0", "1"])
def test_variables_of_torchrun_without_torchrun_make_no_rank_of_a_run_on_one_device(rank: str) -> None:
    left = {"RANK": rank, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    assert find_launch(trainer(1), left) == ALONE
    assert find_launch(trainer(2), left).by == "torchrun"


@pytest.mark.fast
def test_one_process_of_torchrun_is_alone_and_tasks_of_srun_may_each_train_their_own() -> None:
    one = TORCHRUN | {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}
    assert find_launch(trainer(1), one) == ALONE
    assert find_launch(trainer(1), SRUN) == ALONE
    told = started_beside(trainer(1), SRUN | {"SLURM_PROCID": "0"})
    assert told is not None
    assert "srun started 2 tasks, and each trains a run of its own" in told
    assert "trainer.devices=2" in told
    assert started_beside(trainer(1), SRUN) is None
    assert started_beside(trainer(1), {"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}) is None
    assert started_beside(trainer(2), SRUN | {"SLURM_PROCID": "0"}) is None


@pytest.mark.fast
def test_auto_that_finds_another_number_of_devices_is_one_line() -> None:
    launch = Launch(rank=0, n_processes=2, by="torchrun")
    check_as_many_as_launched(launch, n_trained=2)
    check_as_many_as_launched(ALONE, n_trained=8)
    with pytest.raises(
        UserError, match=r"^trainer\.devices=auto is 1 process here, and torchrun started 2: "
    ):
        check_as_many_as_launched(launch, n_trained=1)


def test_a_run_alone_is_whole_whatever_variables_of_ranks_there_are(
    tiny: list[str],
    train_here: Callable[[Sequence[str]], float | None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    stray = {"RANK": "1", "LOCAL_RANK": "1", "SLURM_PROCID": "1", "SLURM_NTASKS": "4", "NODE_RANK": "1"}
    for name, value in stray.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rank_zero_only, "rank", 1)  # what Lightning makes of them as it is imported
    assert train_here([*tiny, "trainer.max_steps=10", "run_dir=run"]) is not None
    assert {name: os.environ[name] for name in stray} == stray
    assert getattr(rank_zero_only, "rank") == 1  # noqa: B009 - an attribute of a function
    assert read_record(tmp_path / "run/record.json").status == "finished"
    assert (tmp_path / "run/metrics.csv").read_text().count("\n") > 2


def test_every_rank_of_a_run_that_has_ended_returns_at_once(
    tiny: list[str], train_here: Callable[[Sequence[str]], float | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [*tiny, "trainer.devices=2", "run_dir=run"]
    directory = RunDirectory(Path("run"))
    directory.path.mkdir()
    of_this = config_hash(check_config(*compose_config(settings)))
    directory.write_record(record_of(config_hash=of_this, metrics={"final": {"val/loss": 1.5}}))

    def begin(_: object) -> None:
        raise AssertionError("it waits for rank 0")

    monkeypatch.setattr(start, "prepare_data", begin)
    for rank, result in {"0": 1.5, "1": None}.items():
        for name, value in (TORCHRUN | {"RANK": rank, "LOCAL_RANK": rank}).items():
            monkeypatch.setenv(name, value)
        assert train_here(settings) == result
