"""A real Ray cluster of a head and a second node process: jobs, a worker and a node that die."""

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.conftest import LONG, Start, is_training, record_of, trainer_of, wait_for

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
