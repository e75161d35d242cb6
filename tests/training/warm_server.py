"""Done once by the server that forks the children, so that no child does it: imports, and composing a run."""

import gc
import importlib

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config, restored_hydra

for module in (
    "hydra_plugins.hydra_ray_launcher.ray_launcher",
    "hydra_plugins.hydra_submitit_launcher.submitit_launcher",
    "tuneformer.training.callbacks.progress",
    "tuneformer.cli.train",
    "tuneformer.data.batch_module",
    "tuneformer.data.text.text_data",
    "tuneformer.models.attention.qkv.multi_head",
    "tuneformer.sweeps.launchers.serial",
    "tuneformer.tasks.language_modelling",
    "tuneformer.training.run",
    "tuneformer.training.start",
):
    importlib.import_module(module)

with restored_hydra():
    check_config(*compose_config(["experiment=smoke", "logger=none", "data=text", f"data.path={__file__}"]))
gc.freeze()  # no child copies the pages of what all share for its collector's sake
