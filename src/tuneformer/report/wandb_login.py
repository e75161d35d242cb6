"""Who is logged in to W&B."""

import os
from contextlib import suppress


def has_login() -> bool:
    """Whether a key for W&B is there, in the environment or from `wandb login`; asks nobody."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    import wandb

    with suppress(Exception):  # whatever keeps the key from being read, there is none
        return bool(wandb.Api(timeout=1).api_key)
    return False


def default_entity() -> str | None:
    """The entity that runs go to by default; None where nobody is logged in."""
    if not has_login():
        return None
    import wandb

    return str(wandb.Api().default_entity)
