"""The settings of a run that differ from the defaults, as one would type them."""

from functools import lru_cache
from pathlib import Path

from tuneformer.checks.run_overrides import with_run_settings
from tuneformer.config.compose import chosen_options, compose_config, restored_hydra
from tuneformer.config.messages import COMPOSING_ERRORS
from tuneformer.config.quoting import quoted
from tuneformer.errors import UserError


def changed_settings(run: Path) -> list[str] | None:
    """`setting=value` of everything that a plain `tuneformer train` would do otherwise.

    None where that cannot be told: the run was made with options that are not here.
    """
    try:
        written = (run / "config.yaml").stat().st_mtime_ns
    except OSError:
        return None
    found = _changed(run, written)
    return None if found is None else list(found)


@lru_cache(maxsize=4)
def _changed(run: Path, written: int) -> tuple[str, ...] | None:
    """The same, kept by the time at which the configuration was written."""
    try:
        with restored_hydra():
            overrides = with_run_settings([f"run_dir={quoted(str(run))}"])[:-1]
            compose_config([])
            usual = {f"{group}={option}" for group, option in chosen_options().items()}
    except (UserError, *COMPOSING_ERRORS):
        return None
    return tuple(each for each in overrides if each not in usual)
