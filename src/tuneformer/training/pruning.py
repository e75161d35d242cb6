"""From conf/search to the callback that ends a trial early."""

from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl

from tuneformer.callbacks.pruning import Pruning
from tuneformer.training.trial_storage import open_storage

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

Config = dict[str, Any]


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
