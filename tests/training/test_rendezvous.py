"""Processes that are started together agree on one folder."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tuneformer.errors import UserError
from tuneformer.runs.record import read_record
from tuneformer.training.launch import Launch
from tuneformer.training.rendezvous import agreed_folder

TRAIN = Path(__file__).parents[2] / "train.py"


def free_port() -> int:
    """A port that is free, as is the one above it."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }.items():
        monkeypatch.setenv(name, value)


def agree(choose: Callable[[], str]) -> list[str]:
    """What each of three ranks is told."""
    told = ["", "", ""]

    def ask(rank: int) -> None:
        try:
            told[rank] = agreed_folder(choose, launch=Launch(rank=rank, n_processes=3, by="torchrun"))
        except (UserError, OSError) as error:
            told[rank] = f"{type(error).__name__}: {error}"

    ranks = [threading.Thread(target=ask, args=(rank,)) for rank in (1, 2, 0)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(60)
    return told


@pytest.mark.usefixtures("launched")
def test_every_rank_is_told_what_the_first_one_chose() -> None:
    calls: list[None] = []

    def choose() -> str:
        calls.append(None)
        return "outputs/runs/mine"

    assert agree(choose) == ["outputs/runs/mine"] * 3
    assert len(calls) == 1


@pytest.mark.usefixtures("launched")
def test_where_the_first_cannot_choose_none_waits_for_it() -> None:
    def choose() -> str:
        raise PermissionError("planted")

    first, second, third = agree(choose)
    assert first == "PermissionError: planted"
    assert second == third == "UserError: run_dir could not be made by the first process"


def test_an_address_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(UserError, match="MASTER_ADDR and MASTER_PORT are missing"):
        agreed_folder(str, launch=Launch(rank=0, n_processes=2, by="torchrun"))


@pytest.mark.proof
@pytest.mark.parametrize(
    ("nodes", "trainer"),
    [(1, ["trainer=ddp"]), (2, ["trainer=ddp", "trainer.devices=1", "trainer.num_nodes=2"])],
)
def test_torchrun_without_a_run_directory_makes_one_for_all(
    nodes: int, trainer: list[str], tiny: list[str], tmp_path: Path
) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--master_addr=127.0.0.1"]
    torchrun += [f"--nnodes={nodes}", f"--nproc_per_node={2 // nodes}", f"--master_port={free_port()}"]
    started = [
        subprocess.Popen(
            [*torchrun, f"--node_rank={node}", str(TRAIN), *tiny, *trainer],
            cwd=tmp_path,
            env=dict(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for node in range(nodes)
    ]
    for node in started:
        told, _ = node.communicate(timeout=200)
        assert node.returncode == 0, told
    (folder,) = (tmp_path / "outputs" / "runs").iterdir()
    record = read_record(folder / "record.json")
    assert (record.status, record.hardware["devices"]) == ("finished", 2)
