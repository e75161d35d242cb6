"""A real Ray cluster of a head and a second node process: jobs, a worker and a node that die."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.conftest import LONG, Start, is_training, record_of, trainer_of, wait_for

JOBS = ["seed=0", "seed=1", "seed=2"]
SECONDS_TO_START = 8.0  # more than a job takes from being handed over to its first steps

pytestmark = pytest.mark.timeout(1200)

Statuses = Callable[[], dict[str, str]]


@pytest.fixture
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        yield started
    finally:
        started.shutdown()


@pytest.mark.filterwarnings("ignore")
def test_a_worker_and_a_node_that_die_lose_their_job_alone_and_the_same_line_goes_on(
    cluster: Any, start: Start, statuses: Statuses
) -> None:
    second = cluster.add_node(num_cpus=1)
    line = ["launcher=ray", f"launcher.address={cluster.address}", *LONG, "seed=0,1,2,3"]
    sweep = start(*line)
    wait_for(lambda: is_training("seed=0") and is_training("seed=1"))
    killed = trainer_of("seed=0")
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    # a job on each node, neither of them the killed one
    wait_for(lambda: sum(is_training(f"seed={seed}") for seed in (1, 2, 3)) == 2)
    cluster.remove_node(second, allow_graceful=False)
    _, told = sweep.communicate(timeout=500)
    assert sweep.returncode == 1, told
    found = statuses()
    assert found["seed=0"] == "interrupted"
    assert "its worker died" in record_of("seed=0")["error"]
    lost = [job for job, status in found.items() if status == "interrupted" and job != "seed=0"]
    assert len(lost) == 1, told
    assert "died" in record_of(lost[0])["error"]
    assert sum(status == "finished" for status in found.values()) == 2
    again = start(*line)
    _, told = again.communicate(timeout=500)
    assert again.returncode == 0, told
    assert statuses() == {f"seed={seed}": "finished" for seed in range(4)}
    assert record_of("seed=3")["hardware"]["threads"] == 1


@pytest.mark.filterwarnings("ignore")
def test_a_sweep_that_is_told_to_stop_has_its_jobs_write_their_checkpoints(
    cluster: Any, start: Start, statuses: Statuses
) -> None:
    line = [
        "launcher=ray",
        f"launcher.address={cluster.address}",
        *LONG,
        "trainer.max_steps=6000",
        "seed=0,1",
    ]
    sweep = start(*line)
    wait_for(lambda: is_training("seed=0"))
    sweep.send_signal(signal.SIGINT)
    _, told = sweep.communicate(timeout=100)
    assert sweep.returncode == 130, told
    assert statuses() == {"seed=0": "interrupted"}
    stopped = record_of("seed=0")
    assert stopped["steps"] > 0
    assert trainer_of("seed=0") is None
    again = start(*line)
    _, told = again.communicate(timeout=500)
    assert again.returncode == 0, told
    assert statuses() == {"seed=0": "finished", "seed=1": "finished"}
    assert record_of("seed=0")["restarts"] == 1


@pytest.mark.filterwarnings("ignore")
def test_a_job_has_a_gpu_to_itself_where_there_are_gpus(
    cluster: Any, start: Start, statuses: Statuses
) -> None:
    cluster.add_node(num_cpus=4, num_gpus=2)  # Ray takes our word for it
    refused = start(
        "launcher=ray", f"launcher.address={cluster.address}", "launcher.gpus_per_job=3", "seed=0"
    )
    _, told = refused.communicate(timeout=100)
    assert (refused.returncode, told.splitlines()[-1]) == (
        2,
        "error: launcher.gpus_per_job=3 is more than the 2 GPUs of the Ray cluster",
    )
    # there are CPUs for all three, and all are handed to Ray
    line = ["launcher=ray", f"launcher.address={cluster.address}", "launcher.n_jobs=3", "seed=0,1,2"]
    sweep = start(*line, *LONG)
    wait_for(lambda: sum(map(is_training, JOBS)) == 2)
    time.sleep(SECONDS_TO_START)
    assert list(statuses().values()) == ["running", "running"]
    _, told = sweep.communicate(timeout=500)
    assert sweep.returncode == 0, told
    assert statuses() == dict.fromkeys(JOBS, "finished")
