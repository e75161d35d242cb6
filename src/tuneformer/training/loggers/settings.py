"""What each dashboard can be set to; nothing here imports torch."""

from typing import Annotated

from tuneformer.config.described import describes
from tuneformer.config.lightning_names import MLFLOW
from tuneformer.config.setting import NotGiven, Setting
from tuneformer.config.text_limits import TextLimits

# what their servers take: a run is refused before it trains rather than by them
WANDB_PROJECT = TextLimits(longest=128, without="/\\#?%:")
MLFLOW_EXPERIMENT = TextLimits(longest=250)

BY_ENVIRONMENT = NotGiven(
    "no configuration says where a run goes: MLFLOW_TRACKING_URI=<address> in the environment does"
)


@describes("logger", "tuneformer.training.loggers.wandb_logger.WandbRunLogger")
class WandbRunLoggerSettings:
    """Weights & Biases, offline beside the run: `wandb sync` uploads it later."""

    mode: Annotated[str, Setting("where the run goes", ("offline", "online", "disabled"))]
    project: Annotated[
        str | None,
        Setting("of the dashboard", WANDB_PROJECT, null="WANDB_PROJECT, else tuneformer"),
    ]
    log_checkpoints: Annotated[bool, Setting("last.ckpt and best.ckpt as an artifact of the run")]
    entity: Annotated[str | None, Setting("W&B user or team", null="WANDB_ENTITY, else your default one")]


@describes("logger", "tuneformer.training.loggers.tensorboard_logger.TensorBoardRunLogger")
class TensorBoardRunLoggerSettings:
    """TensorBoard's event files in <run>/tensorboard."""


@describes("logger", *MLFLOW)
class MLFlowRunLoggerSettings:
    """MLflow's database in <run>/mlflow, or the server that MLFLOW_TRACKING_URI names.

    A configuration names an experiment, never where a run goes.
    """

    experiment_name: Annotated[
        str | None,
        Setting("experiment of MLflow", MLFLOW_EXPERIMENT, null="MLFLOW_EXPERIMENT_NAME, else tuneformer"),
    ] = None
    artifact_location: Annotated[None, BY_ENVIRONMENT] = None
    log_model: Annotated[None, NotGiven("checkpoints stay in the run directory")] = None
    prefix: Annotated[None, NotGiven("metrics have the names of metrics.csv")] = None
    run_id: Annotated[
        None, NotGiven("a run that is started again in its run_dir goes on in the same run of MLflow")
    ] = None
    run_name: Annotated[None, NotGiven("name=<name> names the run")] = None
    save_dir: Annotated[None, NotGiven("the run lies in <run>/mlflow, or where MLFLOW_TRACKING_URI says")] = (
        None
    )
    synchronous: Annotated[None, NotGiven("each row is logged before the next step")] = None
    tags: Annotated[None, NotGiven("tags=[<word>,...] tags the run")] = None
    tracking_uri: Annotated[None, BY_ENVIRONMENT] = None
