"""`tuneformer.train`: one run from Python."""

from pathlib import Path

from tuneformer.checks import check_config
from tuneformer.config.compose import compose_choices, compose_config
from tuneformer.config.messages import COMPOSING_ERRORS, check_choices, one_line
from tuneformer.loading import Run, load
from tuneformer.runs.directory import RunDirectory
from tuneformer.training.start import train


def train_overrides(overrides: list[str]) -> Run:
    """See `tuneformer.train`."""
    check_choices(overrides)
    try:
        composed, hydra = compose_config(overrides)
    except COMPOSING_ERRORS as error:
        raise one_line(error, compose_choices(overrides)) from error
    config = check_config(composed, hydra)
    folder = config["run_dir"]
    directory = RunDirectory(Path(folder)) if folder else RunDirectory.create(config["name"])
    try:
        train({**config, "run_dir": str(directory)})
    finally:
        directory.discard()
    return load(directory.path, checkpoint="last")
