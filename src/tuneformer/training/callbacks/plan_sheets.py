"""What a run is about to do, on its dashboard: the parameter groups, and their rates over the run."""

from typing import Any

import pytorch_lightning as pl
from torch.optim.lr_scheduler import LambdaLR

from tuneformer.checks.lint import sampled_steps
from tuneformer.training.callbacks.boards import boards_of

GROUPS, RATES = "parameter_groups", "lr_preview"


class PlanSheets(pl.Callback):
    """Logs two tables before the first step: a line a parameter group, and its rate at steps of the run."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        boards = boards_of(trainer)
        if not boards or not trainer.is_global_zero:
            return
        schedule = trainer.lr_scheduler_configs[0].scheduler
        assert isinstance(schedule, LambdaLR)
        groups = trainer.optimizers[0].param_groups
        for board in boards:
            board.log_sheet(
                GROUPS,
                ("group", "tensors", "parameters", "peak lr", "weight decay"),
                [_line(group, float(peak)) for group, peak in zip(groups, schedule.base_lrs, strict=True)],
            )
            board.log_sheet(RATES, ("step", "group", "lr"), _rates(schedule, groups, trainer.max_steps))


def _line(group: dict[str, Any], peak: float) -> tuple[str, int, int, float, float]:
    parameters = group["params"]
    decay = float(group.get("weight_decay", 0.0))
    return group["name"], len(parameters), sum(p.numel() for p in parameters), peak, decay


def _rates(schedule: LambdaLR, groups: list[dict[str, Any]], horizon: int) -> list[tuple[int, str, float]]:
    return [
        (step, group["name"], float(peak * factor(step)))
        for group, peak, factor in zip(groups, schedule.base_lrs, schedule.lr_lambdas, strict=True)
        for step in sampled_steps(horizon)
    ]
