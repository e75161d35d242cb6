"""How many threads a run computes with, and that nothing changes them unseen."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from tests.training.conftest import TrainHere
from tests.training.test_settings import settings
from tuneformer.runs.record import read_record
from tuneformer.sweeps.job import Job
from tuneformer.sweeps.launchers.remote_job import remote
from tuneformer.sweeps.launchers.shares import Share
from tuneformer.training.core_share import CORES as CORES_TOLD
from tuneformer.training.core_share import take_share
from tuneformer.training.settings import available_cores
from tuneformer.training.threads import SMALL_STEP_FLOPS, choose_threads, told_of_threads

SMALL, LARGE = SMALL_STEP_FLOPS / 10, SMALL_STEP_FLOPS * 10
CORES = available_cores()


@pytest.fixture
def open_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Nothing says how many threads there are to be, and torch has what it chooses by itself."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(CORES)
    yield monkeypatch
    torch.set_num_threads(before)


@pytest.mark.fast
def test_a_small_step_gets_one_thread_and_others_the_cores(open_environment: pytest.MonkeyPatch) -> None:
    assert choose_threads(settings(), flops=SMALL, recorded=None) == 1
    assert choose_threads(settings(), flops=LARGE, recorded=None) == CORES
    assert choose_threads(settings(), flops=None, recorded=None) == CORES
    assert choose_threads(settings(devices=CORES), flops=LARGE, recorded=None) == 1
    assert choose_threads(settings(threads=3), flops=SMALL, recorded=2) == 3


@pytest.mark.fast
@pytest.mark.parametrize(
    ("variables", "number"),
    [
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "3,2"}, 3),
        ({"MKL_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "5"}, 3),
        ({"OMP_NUM_THREADS": "none"}, None),
        ({"OMP_NUM_THREADS": "0"}, None),
    ],
)
def test_the_environment_decides_where_the_setting_is_open(
    variables: dict[str, str], number: int | None, open_environment: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        open_environment.setenv(name, value)
    assert choose_threads(settings(), flops=LARGE, recorded=1) == (number or 1)
    assert choose_threads(settings(threads=7), flops=LARGE, recorded=1) == 7


@pytest.mark.fast
def test_what_a_program_chose_stays(open_environment: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(CORES + 1)
    assert choose_threads(settings(), flops=LARGE, recorded=None) == CORES + 1


@pytest.mark.fast
def test_a_run_goes_on_with_the_threads_that_it_began_with(open_environment: pytest.MonkeyPatch) -> None:
    assert choose_threads(settings(), flops=SMALL, recorded=CORES) == CORES
    assert choose_threads(settings(), flops=LARGE, recorded=1) == 1
    assert choose_threads(settings(), flops=LARGE, recorded=CORES + 1) == CORES
    assert told_of_threads(2, recorded=2) is told_of_threads(2, recorded=None) is None
    assert told_of_threads(1, recorded=2) == (
        "goes on with 1 CPU threads, and began with 2: sums may differ in their last bits"
    )


@pytest.mark.fast
def test_a_job_on_a_cluster_has_the_rules_of_any_other_within_its_cores(
    open_environment: pytest.MonkeyPatch,
) -> None:
    open_environment.setenv(CORES_TOLD, "unset after the test")
    take_share(3, launched_from={})
    assert choose_threads(settings(), flops=SMALL, recorded=None) == 1
    assert choose_threads(settings(devices=8), flops=LARGE, recorded=None) == 3
    assert choose_threads(settings(), flops=LARGE, recorded=2) == 2
    assert choose_threads(settings(), flops=LARGE, recorded=4) == 3
    torch.set_num_threads(3)  # as it does where Ray has set OMP_NUM_THREADS before
    assert choose_threads(settings(), flops=SMALL, recorded=None) == 1
    for wish, number in {"2": 2, "64": 3}.items():
        take_share(3, launched_from={"OMP_NUM_THREADS": wish})
        assert choose_threads(settings(), flops=SMALL, recorded=1) == number
    take_share(3, launched_from={"HOME": "/"})  # the wish of the process that launches alone counts
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.fast
def test_a_job_for_a_cluster_is_the_job_that_was_composed(open_environment: pytest.MonkeyPatch) -> None:
    open_environment.setenv("OMP_NUM_THREADS", "2")
    config = {"trainer": {"threads": None}}
    job = Job(overrides=(), folder=Path("a"), config=config, hydra=OmegaConf.create({}))
    sent = remote(job, cores=4)
    assert (sent.job, sent.cores) == (job, 4)
    assert sent.environment["OMP_NUM_THREADS"] == "2"


@pytest.mark.fast
def test_a_job_has_no_more_threads_than_its_share_has_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None)
    before = dict(os.environ)
    try:
        Share(cores=(0,), gpus=()).take({"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "1"})
        assert dict(os.environ) == {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        Share(cores=(0, 1), gpus=()).take({"PATH": "/bin"})
        assert dict(os.environ) == {"PATH": "/bin"}
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_a_run_has_the_threads_of_its_environment_and_leaves_it_as_it_was(
    tiny: list[str],
    train_here: TrainHere,
    tmp_path: Path,
    open_environment: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run = [*tiny, "trainer.threads=null", "trainer.max_steps=4", "trainer.val_check_interval=4"]
    for folder, number in {"small": None, "asked": str(CORES + 1)}.items():
        if number is not None:
            open_environment.setenv("OMP_NUM_THREADS", number)
        train_here([*run, f"run_dir={folder}"])
        hardware = read_record(tmp_path / folder / "record.json").hardware
        assert hardware["threads"] == int(number or 1)
        assert os.environ.get("OMP_NUM_THREADS") == number
        assert torch.get_num_threads() == CORES
    assert "goes on with" not in capfd.readouterr().err
