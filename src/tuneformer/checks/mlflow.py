"""What a configuration may say of MLflow: the name of an experiment, never where a run goes."""

from collections.abc import Mapping
from typing import Any

from tuneformer.config.lightning_names import MLFLOW, NOT_OF_MLFLOW
from tuneformer.config.places import check_no_controls
from tuneformer.config.registry import TARGET
from tuneformer.errors import UserError

LONGEST_EXPERIMENT = 250
"""In characters."""


def check_mlflow(loggers: Any) -> None:
    """Raises UserError for the first setting of MLflow's logger that is an address or no good name."""
    for name, settings in loggers.items() if isinstance(loggers, Mapping) else ():
        if not isinstance(settings, Mapping) or settings.get(TARGET) not in MLFLOW:
            continue
        for key, reason in NOT_OF_MLFLOW.items():
            if key in settings:
                raise UserError(f"logger.{name}.{key} cannot be given: {reason}")
        experiment = settings.get("experiment_name")
        if isinstance(experiment, str):
            check_no_controls(f"logger.{name}.experiment_name", experiment)
            if not 0 < len(experiment.strip()) <= LONGEST_EXPERIMENT:
                raise UserError(
                    f"logger.{name}.experiment_name={experiment:.60} must have 1 to {LONGEST_EXPERIMENT}"
                    " characters"
                )
