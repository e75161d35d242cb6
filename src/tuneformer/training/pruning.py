"""Ends a trial of a search early where its validations are worse than those of other trials."""

import warnings
from typing import TYPE_CHECKING, Any, Protocol

import pytorch_lightning as pl

from tuneformer.config.plain import Config
from tuneformer.errors import Pruned
from tuneformer.training.trial_storage import open_storage

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class SearchTrial(Protocol):
    """What a search knows of this run."""

    def report(self, value: float, step: int) -> None:
        """Notes a validation."""
        ...

    def should_prune(self) -> bool:
        """Whether the trial is not worth going on with."""
        ...


class Pruning(pl.Callback):
    """Reports `metric` to the trial after each validation of training; Pruned where it should end.

    `trial` is None on every rank but the first, which decides for all.
    """

    def __init__(self, *, trial: SearchTrial | None, metric: str) -> None:
        self.metric = metric
        self._trial = trial

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        value = trainer.callback_metrics.get(self.metric)
        if trainer.state.fn != "fit" or value is None:
            return
        step = trainer.global_step
        prune = self._trial is not None and self._report(self._trial, float(value), step)
        if trainer.strategy.broadcast(prune) and step < trainer.max_steps:
            raise Pruned(step=step, metric=self.metric)

    def _report(self, trial: SearchTrial, value: float, step: int) -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a run that goes on reports a step that it has reported before
            trial.report(value, step)
        return trial.should_prune()


def build_pruning(config: Config, *, rank: int) -> list[pl.Callback]:
    """The callback of a run that is a trial of a search with a pruner; none for any other run."""
    search = config["search"]
    if search.get("pruner") is None or search.get("trial") is None:
        return []
    metric = config["optimized_metric"]
    metric = metric if metric.startswith("val/") else "val/loss"
    if rank > 0:
        return [Pruning(trial=None, metric=metric)]
    import optuna

    study = optuna.load_study(
        study_name=search["study"],
        storage=open_storage(search["storage"]),
        sampler=optuna.samplers.RandomSampler(seed=0),  # it has been asked already: nothing is drawn here
        pruner=make_pruner(search),
    )
    number = search["trial"]
    trial = next(each for each in study.get_trials(deepcopy=False) if each.number == number)
    return [Pruning(trial=optuna.Trial(study, trial._trial_id), metric=metric)]


def make_pruner(search: dict[str, Any]) -> "BasePruner":
    """search.pruner: the median of the other trials at the same step, or asynchronous successive halving."""
    from optuna.pruners import MedianPruner, SuccessiveHalvingPruner

    warm_up = search["pruner_warmup_steps"]
    if search["pruner"] == "asha":
        return SuccessiveHalvingPruner(
            min_resource=max(1, warm_up), reduction_factor=search["pruner_reduction"]
        )
    return MedianPruner(n_startup_trials=search["startup_trials"], n_warmup_steps=warm_up)
