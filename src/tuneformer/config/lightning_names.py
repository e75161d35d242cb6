"""Which of Lightning's callbacks and loggers a configuration may name, and why not the others."""

LIGHTNING = ("pytorch_lightning.", "lightning.pytorch.")
"""The package, and its other name."""

_CALLBACKS = (
    "DeviceStatsMonitor",
    "EarlyStopping",
    "LearningRateMonitor",
    "ModelSummary",
    "RichModelSummary",
    "Timer",
)
CALLBACKS = tuple(f"pytorch_lightning.callbacks.{name}" for name in _CALLBACKS)
MLFLOW = (
    "tuneformer.training.loggers.mlflow_logger.MLFlowRunLogger",
    "pytorch_lightning.loggers.MLFlowLogger",
)
"""The logger of runs in MLflow, and Lightning's, in whose place it is built."""
LOGGERS = ("pytorch_lightning.loggers.CSVLogger", MLFLOW[1])

_CHECKPOINTS = "callbacks.checkpoints writes what a run goes on from, and no other callback may"
_PROGRESS = "callbacks.progress shows it"
_AVERAGE = "callbacks=ema or callbacks=tail_average averages weights"
_BASE = "it does nothing by itself: name a class of your own over it"
_SENDS = "it sends the run to a server that the configuration names"

REFUSED = {
    "BackboneFinetuning": "it freezes a backbone, which no model here has: param_groups gives layers rates",
    "BaseFinetuning": _BASE,
    "BasePredictionWriter": _BASE,
    "BatchSizeFinder": "data.batch_size is a setting of the run, and the result depends on it",
    "Callback": _BASE,
    "Checkpoint": _CHECKPOINTS,
    "EMAWeightAveraging": _AVERAGE,
    "GradientAccumulationScheduler": "it changes the batch unseen: trainer.accumulate_grad_batches=<parts>",
    "LambdaCallback": "it takes functions, which a configuration does not hold: name a class of your own",
    "LearningRateFinder": "it changes the rate unseen: the command find-lr finds one to try",
    "ModelCheckpoint": _CHECKPOINTS,
    "ModelPruning": "it prunes at the end of an epoch, and a run is counted in steps",
    "OnExceptionCheckpoint": _CHECKPOINTS,
    "ProgressBar": _PROGRESS,
    "RichProgressBar": _PROGRESS,
    "SpikeDetection": "it ends a run with an error: the command diagnose finds spikes of the loss",
    "StochasticWeightAveraging": f"it counts in epochs and replaces the schedule: {_AVERAGE}",
    "ThroughputMonitor": "it takes functions: throughput/... is in metrics.csv",
    "TQDMProgressBar": _PROGRESS,
    "WeightAveraging": _AVERAGE,
    "CometLogger": _SENDS,
    "LitLogger": _SENDS,
    "Logger": _BASE,
    "TensorBoardLogger": "it counts steps from 0 and again after a resume: choose logger=tensorboard",
    "WandbLogger": "it starts another run after a resume: choose logger=wandb",
}
"""What does not do here what it says, by name: why, and what does."""

NEVER = tuple(name for name, reason in REFUSED.items() if reason not in (_BASE, _SENDS))
"""What a class of the user's own may not be either."""
