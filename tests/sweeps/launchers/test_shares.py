import pytest

from tuneformer.errors import UserError
from tuneformer.sweeps.launchers.shares import deal

pytestmark = pytest.mark.fast

GPUS = ["4", "5", "6", "7"]


@pytest.mark.parametrize(
    ("n_jobs", "devices", "expected"),
    [(None, 1, [["4"], ["5"], ["6"], ["7"]]), (2, 1, [["4"], ["5"]]), (None, 2, [["4", "5"], ["6", "7"]])],
)
def test_each_job_gets_gpus_that_no_other_has(
    n_jobs: int | None, devices: int, expected: list[list[str]]
) -> None:
    shares = deal(n_jobs=n_jobs, cores=range(8), gpus=GPUS, devices=devices)
    assert [list(share.gpus) for share in shares] == expected
    cores = [core for share in shares for core in share.cores]
    assert sorted(cores) == list(range(8))


def test_without_gpus_the_cores_are_dealt() -> None:
    assert [share.cores for share in deal(n_jobs=None, cores=[2, 3], gpus=[], devices=1)] == [(2,), (3,)]
    assert [share.cores for share in deal(n_jobs=None, cores=range(4), gpus=[], devices=2)] == [
        (0, 1),
        (2, 3),
    ]
    shares = deal(n_jobs=3, cores=[0, 1], gpus=[], devices=1)
    assert [share.cores for share in shares] == [(0,), (1,), (0,)]


def test_more_jobs_than_gpus_are_refused() -> None:
    with pytest.raises(UserError, match=r"launcher.n_jobs=3 x trainer.devices=2 is more than the 4 GPUs"):
        deal(n_jobs=3, cores=[0, 1], gpus=GPUS, devices=2)
