import multiprocessing
import os
import runpy
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.two_ranks import train_in_two_ranks
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.runs.metrics_file import read_rows
from tuneformer.runs.record import read_record
from tuneformer.training.start import train

CHILD = Path(__file__).parent / "train_in_child.py"
WANDB_SERVICE = "WANDB_SERVICE"
SERVER = Path(__file__).parent / "warm_server.py"

Rows = list[dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """The signal that a child sends itself once `step` steps are done.

    `where`: before the next "batch", while "validating" or "testing", or half through "saving".
    """

    step: int
    where: str = "batch"
    signal: int = signal.SIGKILL


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a child ended: its exit status (negative: the signal) and all that it printed."""

    status: int
    output: str


Train = Callable[..., Ended]
TrainHere = Callable[[Sequence[str]], float | None]


@pytest.fixture(scope="session")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight kilobytes in which there is something to learn."""
    generator = torch.Generator().manual_seed(0)
    words = ["to be", "or not", "the question", "slings", "and arrows", "of fortune", "\n"]
    drawn = torch.randint(len(words), (1000,), generator=generator)
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(" ".join(words[int(i)] for i in drawn), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny(text_file: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The overrides of a short run of 30 steps: rows at 4, 8, ..., validation at 10, 20, 30."""
    return [
        "experiment=smoke",
        "logger=none",
        "data=text",
        f"data.path={text_file}",
        f"data.cache_dir={tmp_path_factory.mktemp('cache')}",
        "data.context_length=16",
        "data.batch_size=4",
        "data.max_validation_bytes=300",
        "model.n_layers=1",
        "model.d_model=16",
        "scheduler.warmup=3",
        "trainer.threads=1",
        "trainer.max_steps=30",
        "trainer.val_check_interval=10",
        "trainer.log_every_n_steps=4",
        "callbacks.checkpoints.every_n_steps=7",
    ]


@pytest.fixture(scope="session")
def warm_server() -> ForkServerContext:
    """Starts the server that children are forked from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([SERVER.stem])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(SERVER.parent), prepend=os.pathsep)  # it does not get sys.path
        ensure_running()
    return context


@pytest.fixture
def train_in_child(tmp_path: Path, warm_server: ForkServerContext) -> Train:
    """train_in_child(overrides, *faults): `python train.py <overrides>` in the test's own folder.

    With `file_size` no file can grow beyond so many bytes once `from_step` steps are done: a full disk.
    """

    def train_elsewhere(
        overrides: Sequence[str], *faults: Fault, file_size: int | None = None, from_step: int = 0
    ) -> Ended:
        reader, writer = warm_server.Pipe(duplex=False)
        given = {
            "arguments": list(overrides),
            "folder": str(tmp_path),
            "output": writer,
            "faults": [vars(fault) for fault in faults],
            "file_size": file_size,
            "from_step": from_step,
            # not the W&B service that an earlier test of this process has started, and that may be ending
            "environment": {name: value for name, value in os.environ.items() if name != WANDB_SERVICE},
        }
        child = warm_server.Process(target=runpy.run_path, args=(str(CHILD), given))
        child.start()
        writer.close()
        with reader, os.fdopen(os.dup(reader.fileno()), encoding="utf-8") as output:
            child.join(200)
            assert child.exitcode is not None, "the child hangs"
            return Ended(status=child.exitcode, output=output.read())

    return train_elsewhere


@pytest.fixture
def train_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainHere:
    """train_here(overrides): the same in this process; what `python train.py` returns to a sweep."""
    monkeypatch.chdir(tmp_path)

    def train_in_this_process(overrides: Sequence[str]) -> float | None:
        return train(check_config(*compose_config(overrides)))

    return train_in_this_process


def read_checkpoint(run: Path, name: str = "last.ckpt") -> dict[str, Any]:
    """What a checkpoint of a run holds."""
    return torch.load(run / "checkpoints" / name, weights_only=True)


def check_two_ranks_against_one(
    runs: Mapping[str, Sequence[str]], train_here: TrainHere, folder: Path
) -> None:
    """Each run by two processes (two_<name>) has the rows of the same by one (one_<name>), to rounding."""
    train_in_two_ranks({f"two_{name}": [*run, "trainer.strategy=ddp"] for name, run in runs.items()}, folder)
    for name, run in runs.items():
        train_here([*run, f"run_dir=one_{name}"])
        one, two = folder / f"one_{name}", folder / f"two_{name}"
        for a, b in zip(repeatable_rows(one), repeatable_rows(two), strict=True):
            assert a == pytest.approx(b, rel=1e-3, abs=1e-5)


def repeatable_rows(run: Path) -> Rows:
    """metrics.csv without what a clock measured."""
    return [
        {name: value for name, value in row.items() if name != "seconds" and "throughput" not in name}
        for row in read_rows(run / "metrics.csv")
    ]


def assert_same_tree(left: Any, right: Any, where: str = "") -> None:
    """Equal in structure, type and every bit of every tensor."""
    assert type(left) is type(right), where
    if isinstance(left, dict):
        assert list(left) == list(right), where
        for key in left:
            assert_same_tree(left[key], right[key], f"{where}/{key}")
    elif isinstance(left, list | tuple):
        assert len(left) == len(right), where
        for index, (a, b) in enumerate(zip(left, right, strict=True)):
            assert_same_tree(a, b, f"{where}/{index}")
    elif isinstance(left, torch.Tensor):
        assert left.dtype == right.dtype, where
        assert torch.equal(left, right), where
    else:
        assert left == right, where


def assert_same_run(left: Path, right: Path) -> None:
    """Equal weights, optimizer and schedule, loop, rows and result."""
    a, b = read_checkpoint(left), read_checkpoint(right)
    for part in ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "running_loss"):
        assert_same_tree(a[part], b[part], part)
    assert_same_tree(
        read_checkpoint(left, "best.ckpt")["state_dict"], read_checkpoint(right, "best.ckpt")["state_dict"]
    )
    assert repeatable_rows(left) == repeatable_rows(right)
    ours, theirs = read_record(left / "record.json"), read_record(right / "record.json")
    for name in ("status", "steps", "seen", "epochs"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.best == theirs.best
