"""The mean of the loss since a row was last written, over what may be several attempts and several ranks."""

from collections.abc import Sequence

import torch
from torch import Tensor


class RunningMean:
    """The mean of a scalar over the batches since it was last taken, summed on its own device."""

    def __init__(self) -> None:
        self._sum: Tensor | None = None
        self._count = 0.0

    def add(self, value: Tensor) -> None:
        """Adds one batch's value."""
        value = value.detach().double() if value.device.type != "mps" else value.detach().float()
        self._sum = value if self._sum is None else self._sum.to(value.device) + value
        self._count += 1

    def mean(self) -> Tensor | None:
        """The mean so far; None before the first batch."""
        return None if self._sum is None else self._sum / self._count

    def is_finite(self) -> bool:
        """Whether the mean so far is a number; that there is none yet is no fault."""
        mean = self.mean()
        return mean is None or bool(torch.isfinite(mean))

    def reset(self) -> None:
        """Starts over."""
        self._sum, self._count = None, 0.0

    def state(self) -> tuple[float, float]:
        """What `restore` takes: the sum and the number of batches."""
        return 0.0 if self._sum is None else float(self._sum), float(self._count)

    def restore(self, total: float, count: float) -> None:
        """Goes on where `state` was taken."""
        self._sum = torch.tensor(total, dtype=torch.float64) if count else None
        self._count = count

    def states(self, n_ranks: int, device: torch.device) -> list[list[float]]:
        """The states of all ranks, for a checkpoint."""
        mine = torch.tensor(self.state(), dtype=torch.float64)
        ranks = [mine]
        if n_ranks > 1:
            mine = mine.to(device)
            ranks = [torch.empty_like(mine) for _ in range(n_ranks)]
            torch.distributed.all_gather(ranks, mine)
        return [rank.tolist() for rank in ranks]

    def restore_rank(
        self, states: Sequence[Sequence[float]], rank: int, n_ranks: int, *, scale: float
    ) -> None:
        """Goes on where `states` were taken; on another number of ranks each has their mean.

        `scale`: batches of a step now over those of a step then.
        """
        mine = states[rank] if len(states) == n_ranks else _column_means(states)
        self.restore(*(scale * number for number in mine))


def _column_means(rows: Sequence[Sequence[float]]) -> list[float]:
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]
