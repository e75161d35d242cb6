"""How Lightning takes up a checkpoint: the one that is given and no other, what is damaged in one line."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pytorch_lightning.trainer.connectors.checkpoint_connector import _CheckpointConnector

from tuneformer.errors import UserError
from tuneformer.optim.state import check_state_fits

OF_THE_MODEL = ("name", "hidden_matrices", "row_parts", "row_parts_of")
"""What a parameter group says of the weights in it."""


class CheckpointConnector(_CheckpointConnector):
    """Lightning's, for run directories that may have come from anybody.

    A checkpoint whose archive is whole may still hold anything. What it counts, and what it says of the
    optimizer and of the schedule, must be of the types that this run has there itself.
    """

    @property
    def _hpc_resume_path(self) -> None:
        """Under SLURM Lightning would load any hpc_ckpt_<n>.ckpt of the folder, code in it included."""

    def _restore_modules_and_callbacks(
        self, checkpoint_path: Any | None = None, weights_only: bool | None = None
    ) -> None:
        with _told(checkpoint_path):
            super()._restore_modules_and_callbacks(checkpoint_path, weights_only)

    def restore_training_state(self) -> None:
        with _told(self._ckpt_path):
            if self._loaded_checkpoint:
                check_counts(self._loaded_checkpoint["loops"]["fit_loop"])
            super().restore_training_state()

    def restore_optimizers_and_schedulers(self) -> None:
        optimizers = [optimizer.state_dict()["param_groups"] for optimizer in self.trainer.optimizers]
        schedules = [config.scheduler.state_dict() for config in self.trainer.lr_scheduler_configs]
        super().restore_optimizers_and_schedulers()
        for mine, optimizer in zip(optimizers, self.trainer.optimizers, strict=True):
            theirs = optimizer.state_dict()["param_groups"]
            check_alike(mine, theirs, where="param_groups")
            for group, other in zip(mine, theirs, strict=True):
                if any(group.get(name) != other.get(name) for name in OF_THE_MODEL):
                    raise TypeError(f"param_groups has {group.get('name')} with other weights")
            check_state_fits(optimizer)
        for mine, config in zip(schedules, self.trainer.lr_scheduler_configs, strict=True):
            check_alike(mine, config.scheduler.state_dict(), where="lr_schedulers")


@contextmanager
def _told(checkpoint: object) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # whatever the reader of a part meets in it
        line = (str(error).strip() or "nothing said").splitlines()[-1].strip()[:200]
        raise UserError(
            f"{checkpoint} cannot be gone on from ({type(error).__name__}: {line}): put the right one back,"
            " or remove it to go on from the one before"
        ) from error


def check_counts(node: Any, where: str = "fit_loop") -> None:
    """Raises TypeError unless whatever lies in the tables of Lightning's loops is a count or a flag."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            check_counts(value, f"{where}.{key}")
    elif not isinstance(node, int) or node < 0:
        raise TypeError(f"{where} is {node!r:.60}, no count")


def check_alike(mine: Any, theirs: Any, *, where: str) -> None:
    """Raises TypeError unless `theirs` has what `mine` has, in the same types; null counts as any."""
    if isinstance(mine, Mapping):
        for key, value in mine.items():
            if not isinstance(theirs, Mapping) or key not in theirs:
                raise TypeError(f"{where} has no {key}")
            check_alike(value, theirs[key], where=f"{where}.{key}")
    elif isinstance(mine, list | tuple):
        if not isinstance(theirs, list | tuple) or len(theirs) != len(mine):
            raise TypeError(f"{where} is no list of {len(mine)}")
        for number, (value, other) in enumerate(zip(mine, theirs, strict=True)):
            check_alike(value, other, where=f"{where}[{number}]")
    elif isinstance(mine, bool | int | float):
        kind = bool if isinstance(mine, bool) else int | float
        if not isinstance(theirs, kind) or isinstance(theirs, bool) != isinstance(mine, bool):
            raise TypeError(f"{where} is {theirs!r:.60}, not of the type of {mine}")
