"""What holds for all jobs of a sweep must be said alike by all of them."""

from collections.abc import Sequence
from typing import Any

from omegaconf import OmegaConf

from tuneformer.config.flat_settings import flat_settings
from tuneformer.config.quoting import typed
from tuneformer.errors import UserError
from tuneformer.sweeps.composing import Composed

GROUPS_FOR_ALL = ("launcher", "search")
SETTINGS_FOR_ALL = ("sweep", "preflight", "retry_failed")
OF_HYDRA = ("launcher", "sweeper")
GIVEN_EARLIER = "search.grid"  # the values that a file lists are part of the points by now


def check_agreement(composed: Sequence[Composed], *, one_metric: bool) -> None:
    """Raises UserError where experiment files of one sweep say different things about the sweep as a whole.

    `one_metric`: whether all must optimise the same.
    """
    first = composed[0]
    expected = _for_all(first, one_metric=one_metric)
    if first.config["run_dir"] is not None:
        raise UserError(
            f"run_dir={first.config['run_dir']} cannot be set with --multirun: each job has its own folder"
            f" below outputs/sweeps/<sweep> (in the job {' '.join(first.point)})"
        )
    for other in composed[1:]:
        found = _for_all(other, one_metric=one_metric)
        for path in [*expected, *found]:
            here, there = expected.get(path, "absent"), found.get(path, "absent")
            if here != there:
                raise UserError(
                    f"{path} holds for all jobs, and is {_shown(here)} in the job {' '.join(first.point)} but"
                    f" {_shown(there)} in the job {' '.join(other.point)}: give it on the command line"
                )


def _for_all(composed: Composed, *, one_metric: bool) -> dict[str, Any]:
    config, hydra = composed.config, composed.hydra
    settings = SETTINGS_FOR_ALL + (("optimized_metric",) if one_metric else ())
    found = {group: hydra.runtime.choices[group] for group in GROUPS_FOR_ALL}
    found |= {key: config[key] for key in settings}
    for group in GROUPS_FOR_ALL:
        found |= flat_settings(config[group], f"{group}.")
    for group in OF_HYDRA:
        settings_of_hydra: Any = OmegaConf.to_container(hydra[group], resolve=False)
        found |= flat_settings(settings_of_hydra, f"hydra.{group}.")
    return {path: value for path, value in found.items() if not path.startswith(GIVEN_EARLIER)}


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else typed(value)
