"""`tuneformer.train`: one run from Python."""

from tuneformer.checks import check_config
from tuneformer.config.compose import compose_choices, compose_config, restored_hydra
from tuneformer.config.messages import COMPOSING_ERRORS, check_choices, one_line
from tuneformer.loading import Run, load
from tuneformer.random_state import kept_random_state
from tuneformer.training.launch import find_launch
from tuneformer.training.start import run_directory, train


def train_overrides(overrides: list[str]) -> Run:
    """See `tuneformer.train`; whatever comes of it, this process is left as it was."""
    with restored_hydra(), kept_random_state():
        return _train(overrides)


def _train(overrides: list[str]) -> Run:
    check_choices(overrides)
    try:
        composed, hydra = compose_config(overrides)
    except COMPOSING_ERRORS as error:
        raise one_line(error, compose_choices(overrides)) from error
    config = check_config(composed, hydra)
    directory = run_directory(config, find_launch(config["trainer"]))
    try:
        train({**config, "run_dir": str(directory)})
    finally:
        directory.discard()
    return load(directory.path, checkpoint="last")
