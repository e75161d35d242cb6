"""A real SLURM cluster of this machine: jobs, requeueing, death, several tasks, what is told in one line."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import LONG, ROOT, STEPS, Start, is_training, record_of, trainer_of, wait_for

SCRIPT = Path(__file__).with_name("slurm.sh")
SLURM = ["launcher=slurm", "launcher.partition=debug"]

SECONDS_TO_SETTLE = 5.0  # SLURM refuses to start a job in the moment in which it has queued it again

pytestmark = pytest.mark.timeout(1200)

Statuses = Callable[[], dict[str, str]]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("slurm")
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    try:
        subprocess.run([str(SCRIPT), "start", str(folder)], check=True, timeout=60)
        yield
    finally:
        subprocess.run([str(SCRIPT), "stop", str(folder)], check=True, timeout=60)
        os.environ.pop("SLURM_CONF")
        if before is not None:
            os.environ["SLURM_CONF"] = before


def batch_job_of(job: str) -> str:
    """The number of the SLURM job that trains it."""
    environment = Path("/proc", str(trainer_of(job)), "environ").read_bytes().split(b"\0")
    return next(each for each in environment if each.startswith(b"SLURM_JOB_ID=")).decode().partition("=")[2]


@pytest.mark.usefixtures("cluster")
def test_a_job_that_is_told_to_end_is_queued_again_and_one_that_dies_is_recorded_alone(
    start: Start, statuses: Statuses
) -> None:
    sweep = start(*SLURM, *LONG, "seed=0,1,2")
    wait_for(lambda: is_training("seed=0") and is_training("seed=1"))
    number = batch_job_of("seed=0")
    subprocess.run(["scancel", "--signal=USR2", number], check=True)
    killed = trainer_of("seed=1")
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: record_of("seed=0")["status"] == "interrupted" or record_of("seed=0")["restarts"])
    _start_again(number)
    _, told = sweep.communicate(timeout=500)
    assert sweep.returncode == 1, told
    assert statuses() == {"seed=0": "finished", "seed=1": "interrupted", "seed=2": "finished"}
    first = record_of("seed=0")
    assert (first["restarts"], first["steps"], first["hardware"]["threads"]) == (1, STEPS, 1)
    assert "SLURM job" in record_of("seed=1")["error"]
    again = start(*SLURM, *LONG, "seed=0,1,2")
    _, told = again.communicate(timeout=500)
    assert again.returncode == 0, told
    assert set(statuses().values()) == {"finished"}


@pytest.mark.usefixtures("cluster")
def test_a_sweep_that_is_told_to_stop_has_its_jobs_write_their_checkpoints(
    start: Start, statuses: Statuses
) -> None:
    line = [*SLURM, *LONG, "launcher.n_jobs=3", "seed=0,1,2"]
    sweep = start(*line)
    wait_for(lambda: is_training("seed=0") and is_training("seed=1"))
    sweep.send_signal(signal.SIGINT)
    _, told = sweep.communicate(timeout=100)
    assert sweep.returncode == 130, told
    assert statuses() == {"seed=0": "interrupted", "seed=1": "interrupted"}
    assert all(record_of(f"seed={seed}")["steps"] > 0 for seed in (0, 1))
    assert not subprocess.run(["squeue", "--noheader"], capture_output=True, text=True, check=True).stdout
    again = start(*line)
    _, told = again.communicate(timeout=500)
    assert again.returncode == 0, told
    assert set(statuses().values()) == {"finished"}
    assert record_of("seed=0")["restarts"] == 1


@pytest.mark.usefixtures("cluster")
def test_a_job_whose_time_is_nearly_over_is_queued_again_and_goes_on(
    start: Start, statuses: Statuses
) -> None:
    long = [*LONG, f"trainer.max_steps={10 * STEPS}"]
    sweep = start(*SLURM, *long, "launcher.timeout_min=1", "launcher.signal_delay_s=30", "seed=0")
    wait_for(lambda: is_training("seed=0"))
    number = batch_job_of("seed=0")
    wait_for(lambda: _is_pending(number))
    stopped = record_of("seed=0")
    assert (stopped["status"], stopped["restarts"]) == ("interrupted", 0)
    assert 0 < stopped["steps"] < 10 * STEPS
    _start_again(number)
    wait_for(lambda: record_of("seed=0")["restarts"] == 1 and is_training("seed=0"))
    sweep.send_signal(signal.SIGINT)
    _, told = sweep.communicate(timeout=100)
    assert sweep.returncode == 130, told
    assert record_of("seed=0")["steps"] > stopped["steps"]


def _start_again(number: str) -> None:
    """A job that is queued again waits for two minutes by SLURM's own rule; the tests need not."""
    wait_for(lambda: _is_pending(number))
    time.sleep(SECONDS_TO_SETTLE)
    subprocess.run(["scontrol", "update", f"JobId={number}", "StartTime=now"], check=True)


def _is_pending(number: str) -> bool:
    asked = ["squeue", "--noheader", "--format=%T", f"--jobs={number}"]
    return "PENDING" in subprocess.run(asked, capture_output=True, text=True, check=False).stdout


@pytest.mark.usefixtures("cluster")
def test_two_tasks_of_a_job_train_together_with_any_option_of_sbatch(
    start: Start, statuses: Statuses, tmp_path: Path
) -> None:
    sweep = start(*SLURM, "seed=0", "trainer=ddp", "trainer.devices=2", "hydra.launcher.comment=mine")
    _, told = sweep.communicate(timeout=500)
    assert sweep.returncode == 0, told
    assert statuses() == {"seed=0": "finished"}
    assert record_of("seed=0")["hardware"]["devices"] == 2
    (script,) = (tmp_path / "outputs/sweeps/mine/slurm").glob("*/*_submission.sh")
    assert "#SBATCH --comment=mine\n" in script.read_text()
    assert "#SBATCH --gpus-per-node=2\n" in script.read_text()


@pytest.mark.usefixtures("cluster")
def test_a_job_has_a_gpu_to_itself_where_there_are_gpus(start: Start) -> None:
    sweep = start(*SLURM, *LONG, "launcher.gpus_per_node=2", "seed=0,1")
    wait_for(lambda: is_training("seed=0") or is_training("seed=1"))
    # there is a core for the other
    (pending,) = subprocess.run(
        ["squeue", "--noheader", "--states=PENDING", "--format=%r"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    sweep.send_signal(signal.SIGINT)
    _, told = sweep.communicate(timeout=100)
    assert sweep.returncode == 130, told
    assert pending == "Resources"


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("hydra.launcher.exclude=nowhere", "Invalid node name specified"),
        ("+hydra.launcher.additional_parameters.nonsense=1", "unrecognized option '--nonsense=1'"),
    ],
)
def test_jobs_that_sbatch_refuses_are_each_recorded_with_its_reason(
    start: Start, statuses: Statuses, option: str, reason: str
) -> None:
    sweep = start(*SLURM, "seed=0,1", option)
    _, told = sweep.communicate(timeout=100)
    assert sweep.returncode == 1, told
    assert statuses() == {}
    for seed in (0, 1):
        line = next(line for line in told.splitlines() if line.startswith(f"seed={seed}: "))
        assert line.startswith(f"seed={seed}: interrupted, 0 steps, 0.0 s: sbatch: ")
        assert line.endswith(reason)


@pytest.mark.usefixtures("cluster")
def test_tasks_of_srun_agree_on_a_run_directory(small_settings: list[str], tmp_path: Path) -> None:
    train = [sys.executable, str(ROOT / "train.py")]
    done = subprocess.run(
        [
            "srun",
            "--partition=debug",
            "--ntasks=2",
            "--ntasks-per-node=2",
            *train,
            *small_settings,
            "trainer=ddp",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "runs").iterdir()
    assert (folder / "record.json").exists()


@pytest.mark.usefixtures("cluster")
def test_a_partition_that_is_not_there_is_one_line(start: Start) -> None:
    sweep = start("launcher=slurm", "launcher.partition=debugg", "seed=0,1")
    _, told = sweep.communicate(timeout=100)
    assert (sweep.returncode, told.splitlines()[-1]) == (
        2,
        "error: launcher.partition=debugg is not a partition: there are debug",
    )


def test_a_cluster_that_does_not_answer_is_one_line(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = tmp_path / "slurm.conf"
    nobody.write_text(
        "ClusterName=nobody\nSlurmctldHost=localhost(127.0.0.1)\nSlurmctldPort=1\nAuthType=auth/none\n"
        "NodeName=localhost CPUs=1\nPartitionName=debug Nodes=ALL\n"
    )
    monkeypatch.setenv("SLURM_CONF", str(nobody))
    sweep = start(*SLURM, "seed=0,1")
    _, told = sweep.communicate(timeout=100)
    assert sweep.returncode == 2
    assert told.splitlines()[-1] == (
        "error: launcher=slurm: the cluster cannot be reached: slurm_load_partitions: Unable to contact slurm"
        " controller (connect failure)"
    )
    assert not (tmp_path / "outputs").exists()
