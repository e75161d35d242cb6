"""W&B's own variables as defaults: what a configuration sets wins, then the variable, then what is ours."""

import os
import re
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig

from tuneformer.errors import UserError

Config = dict[str, Any]

PROJECT = "tuneformer"
JOB_TYPE = "train"
FOLDER = "wandb"
"""Where W&B keeps a run, below WANDB_DIR or the run directory."""
BY_THE_CLOCK = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")
"""The name of a sweep to which nobody gave one."""


def variable(name: str) -> str | None:
    """An environment variable, None where it is not set or empty."""
    return os.environ.get(name, "").strip() or None


def described(config: Config, *, project: str | None, entity: str | None) -> dict[str, Any]:
    """Under which project, name, tags, ... W&B shows a run; of WANDB_TAGS each is separated by a comma."""
    sweep = config["sweep"]
    named_sweep = sweep if sweep and not BY_THE_CLOCK.fullmatch(sweep) else None
    tags = [tag.strip() for tag in (variable("WANDB_TAGS") or "").split(",") if tag.strip()]
    return {
        "project": project or variable("WANDB_PROJECT") or PROJECT,
        "entity": entity or variable("WANDB_ENTITY"),
        "name": config["name"] if _is_named(config["name"]) else variable("WANDB_NAME") or config["name"],
        "group": named_sweep or variable("WANDB_RUN_GROUP") or sweep,
        "job_type": variable("WANDB_JOB_TYPE") or JOB_TYPE,
        "tags": list(config["tags"]) or tags,
        "notes": config["notes"] or variable("WANDB_NOTES"),
    }


def folder_of(run: Path) -> Path:
    """Where W&B is to keep its folder: the run directory, or WANDB_DIR, to which <run>/wandb then leads.

    Raises:
        UserError: WANDB_DIR cannot be written to.
    """
    run, elsewhere = run.resolve(), variable("WANDB_DIR")
    if elsewhere is None:
        return run
    folder, link = Path(elsewhere).expanduser().resolve(), run / FOLDER
    try:
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        run.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(link):
            link.symlink_to(folder / FOLDER)
    except OSError as error:
        raise UserError(f"WANDB_DIR={elsewhere} cannot be written to: {error.strerror}") from error
    return folder


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
