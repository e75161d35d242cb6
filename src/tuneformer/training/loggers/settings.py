"""What each dashboard can be set to; nothing here imports torch."""

from typing import Annotated

from tuneformer.config.described import describes
from tuneformer.config.lightning_names import MLFLOW
from tuneformer.config.setting import Setting


@describes("logger", "tuneformer.training.loggers.wandb_logger.WandbRunLogger")
class WandbRunLoggerSettings:
    """Weights & Biases, offline beside the run: `wandb sync` uploads it later."""

    mode: Annotated[str, Setting("where the run goes", ("offline", "online", "disabled"))]
    project: Annotated[str | None, Setting("of the dashboard", null="WANDB_PROJECT, else tuneformer")]
    log_checkpoints: Annotated[bool, Setting("last.ckpt and best.ckpt as an artifact of the run")]
    entity: Annotated[str | None, Setting("W&B user or team", null="WANDB_ENTITY, else your default one")]


@describes("logger", "tuneformer.training.loggers.tensorboard_logger.TensorBoardRunLogger")
class TensorBoardRunLoggerSettings:
    """TensorBoard's event files in <run>/tensorboard."""


@describes("logger", *MLFLOW)
class MLFlowRunLoggerSettings:
    """MLflow's database in <run>/mlflow, or the server that MLFLOW_TRACKING_URI names."""

    experiment_name: Annotated[
        str | None, Setting("experiment of MLflow", null="MLFLOW_EXPERIMENT_NAME, else tuneformer")
    ] = None
