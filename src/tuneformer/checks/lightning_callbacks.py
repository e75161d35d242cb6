"""Settings of Lightning's callbacks that do nothing here, or watch what no run logs."""

from collections.abc import Mapping, Sequence
from typing import Any

from tuneformer.config.lightning_names import CALLBACKS
from tuneformer.config.registry import TARGET
from tuneformer.config.shown import shown
from tuneformer.config.suggestions import one_of
from tuneformer.errors import UserError

BY_EPOCH = {"check_on_train_epoch_end": True, "interval": "epoch", "logging_interval": "epoch"}
OF_TASKS = ("test/", "train/", "val/")
"""How the names begin that a task logs; a callback of one's own may log others."""


def check_lightning_callbacks(callbacks: Mapping[str, Any], metrics: Sequence[str]) -> None:
    """Raise UserError for the first callback of Lightning's that would wait for what never comes.

    Args:
        callbacks: the group of a configuration.
        metrics: what is logged at each validation.
    """
    for name, settings in callbacks.items():
        if settings[TARGET] not in CALLBACKS:
            continue
        for setting, value in BY_EPOCH.items():
            if settings.get(setting) == value:
                raise UserError(
                    f"callbacks.{name}.{setting}={shown(value)} does not work here: a run is counted in"
                    " steps, and has no epochs"
                )
        watched = settings.get("monitor")
        if isinstance(watched, str) and (watched.startswith(OF_TASKS) or "/" not in watched):
            one_of(f"callbacks.{name}.monitor", watched, metrics)
