"""Batches of examples: functions of (seed, step), dealt to devices, every example evaluated once."""

from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch

from tuneformer.data.batch_module import BatchModule
from tuneformer.data.draws import shuffled_rows
from tuneformer.data.examples.example_batches import ExampleBatches
from tuneformer.data.examples.examples import Examples
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast
N = 10


class Listed:
    """Examples 0 ... 9, each with its number for target."""

    def __init__(self, *, real: bool = False) -> None:
        numbers = np.arange(N)
        targets = numbers.astype(np.float32) if real else numbers
        self.examples = Examples(np.repeat(numbers[:, None], 3, axis=1), targets)

    def training_step(self, *, seed: int, step: int, batch_size: int) -> Examples:
        return self.examples.take(shuffled_rows(seed=seed, step=step, n_rows=N, batch_size=batch_size))

    def split(self, name: str) -> Examples:
        return self.examples


def module(*, batch_size: int = 4, eval_batch_size: int = 4, real: bool = False) -> BatchModule:
    source = ExampleBatches(Listed(real=real), batch_size=batch_size, seed=5)
    return BatchModule(source, eval_batch_size=eval_batch_size, num_workers=0)


def trained(n: int, **place: int) -> list[list[int]]:
    where: dict[str, Any] = {"accumulate": 1, "rank": 0, "world_size": 1, "start": 0} | place
    return [batch.targets.tolist() for batch in islice(module().training_batches(**where), n)]


def test_each_epoch_has_every_row_once_and_another_order() -> None:
    rows = np.concatenate([shuffled_rows(seed=1, step=s, n_rows=N, batch_size=4) for s in range(10)])
    epochs = rows.reshape(4, N)
    assert [sorted(epoch) for epoch in epochs.tolist()] == [list(range(N))] * 4
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == 4


def test_a_batch_larger_than_the_data_takes_several_epochs() -> None:
    rows = shuffled_rows(seed=1, step=3, n_rows=3, batch_size=12)
    assert np.bincount(rows).tolist() == [4, 4, 4]


def test_the_rows_of_a_step_do_not_depend_on_those_before() -> None:
    assert trained(3, start=4) == trained(7)[4:]


def test_parts_and_devices_share_the_global_batch() -> None:
    whole = trained(3)
    parts = [trained(6, accumulate=2, world_size=2, rank=rank) for rank in (0, 1)]
    for step in range(3):
        dealt = [parts[rank][2 * step + part] for part in (0, 1) for rank in (0, 1)]
        assert [row for rows in dealt for row in rows] == whole[step]


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_devices_together_score_each_example_once_in_batches_of_equal_shapes(
    world_size: int, real: bool
) -> None:
    batches = [
        list(module(real=real).evaluation_batches("test", rank=rank, world_size=world_size))
        for rank in range(world_size)
    ]
    targets = torch.cat([batch.targets for mine in batches for batch in mine])
    scored = targets[~targets.isnan()] if real else targets[targets != -100]
    assert sorted(scored.tolist()) == list(range(N))
    shapes = [[tuple(batch.inputs.shape) for batch in mine] for mine in batches]
    assert all(mine == shapes[0] for mine in shapes)
    assert targets.dtype == (torch.float32 if real else torch.int64)


def test_a_batch_that_devices_cannot_share_is_refused() -> None:
    with pytest.raises(UserError, match=r"^data\.batch_size=4 must be a multiple of 6"):
        module().training_batches(accumulate=3, rank=0, world_size=2, start=0)
