"""W&B's own variables as defaults: what a configuration sets wins, then the variable, then what is ours."""

import re
from typing import Any

from hydra.core.hydra_config import HydraConfig

from tuneformer.config.plain import Config
from tuneformer.process.environment import variable
from tuneformer.runs.wandb_places import project_of

JOB_TYPE = "train"
BY_THE_CLOCK = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")
"""The name of a sweep to which nobody gave one."""


def described(config: Config, *, project: str | None, entity: str | None) -> dict[str, Any]:
    """Under which project, name, tags, ... W&B shows a run; of WANDB_TAGS each is separated by a comma."""
    sweep = config["sweep"]
    named_sweep = sweep if sweep and not BY_THE_CLOCK.fullmatch(sweep) else None
    tags = [tag.strip() for tag in (variable("WANDB_TAGS") or "").split(",") if tag.strip()]
    return {
        "project": project_of(project),
        "entity": entity or variable("WANDB_ENTITY"),
        "name": config["name"] if _is_named(config["name"]) else variable("WANDB_NAME") or config["name"],
        "group": named_sweep or variable("WANDB_RUN_GROUP") or sweep,
        "job_type": variable("WANDB_JOB_TYPE") or JOB_TYPE,
        "tags": list(config["tags"]) or tags,
        "notes": config["notes"] or variable("WANDB_NOTES"),
    }


def _is_named(name: str) -> bool:
    """Whether somebody gave the run its name: on the command line, or in a file of another name."""
    if not HydraConfig.initialized():
        return True
    hydra = HydraConfig.get()
    choices = hydra.runtime.choices
    if any(str(override).lstrip("+").startswith("name=") for override in hydra.overrides.task):
        return True
    experiment = str(choices.get("experiment") or "").rpartition("/")[2].replace("-", "_")
    ours = {f"{choices.get('optimizer')}-{choices.get('scheduler')}".replace("-", "_"), experiment}
    return name.replace("-", "_") not in ours
