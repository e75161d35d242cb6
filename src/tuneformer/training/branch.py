"""A branch: a run that goes on from another one's checkpoint and cools down, so that horizons share a trunk.

The rate of `scheduler=constant` and of the stable part of `scheduler=wsd` does not depend on the horizon, nor
does that of another schedule that says so (`optim.schedules.stable`). A run of wsd that takes over such a
checkpoint is, bit for bit, the run that would have trained from the start (2405.18392, section 4).
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuneformer.config.callback_facts import averaging_callbacks
from tuneformer.config.plain import Config
from tuneformer.errors import UserError
from tuneformer.optim.schedules import cooldown_start, warmup_steps
from tuneformer.runs.directory import RunDirectory, find_run
from tuneformer.runs.identity import determining
from tuneformer.runs.needed_fields import OF_A_STABLE_SCHEDULE, OF_A_TRUNK, check_present
from tuneformer.training.callbacks.checkpoints import KEPT, LAST, PREVIOUS
from tuneformer.training.origin import check_origin
from tuneformer.training.resume import checkpoint_step, is_whole


@dataclass(frozen=True, kw_only=True)
class Branch:
    """Where a run begins that does not begin at step 0."""

    trunk: RunDirectory
    checkpoint: Path
    step: int

    def as_record(self) -> dict[str, Any]:
        """What record.json says of it."""
        return {"from": str(self.trunk), "step": self.step}

    def copy_metrics(self, directory: RunDirectory) -> None:
        """Gives a new run the trunk's rows; its metrics file drops those beyond the branch itself."""
        if not directory.metrics_file.exists() and self.trunk.metrics_file.is_file():
            shutil.copyfile(self.trunk.metrics_file, directory.metrics_file)


def find_branch(config: Config, *, fingerprint: str) -> Branch:
    """The latest checkpoint of the run `branch_from` that the run of `config` may go on from.

    `fingerprint`: of the data that `config` names. A checkpoint serves up to the first step at which
    either run's rate, or its average of weights, depends on the horizon.

    Raises:
        UserError: branch_from is not a run with a stable rate, differs in more than its schedule and
            horizon, has no such checkpoint, or is stable for fewer steps than this run is.
    """
    where = f"branch_from={config['branch_from']}"
    trunk = find_run(config["branch_from"])
    trunk_config, record = trunk.read_config(), trunk.read_record()
    check_present(trunk_config, OF_A_TRUNK, file=trunk.config_file)
    check_present(vars(record), ("data.fingerprint",), file=trunk.record_file)
    _check_stable(config, trunk_config, where)
    check_present(trunk_config, OF_A_STABLE_SCHEDULE, file=trunk.config_file)
    _check_schedules(config, trunk_config, where)
    _check_equal_otherwise(config, trunk_config, where)
    if record.data["fingerprint"] != fingerprint:
        raise UserError(f"{where} was trained on other data than its settings give now")
    start, stable = _stable_steps(config), _stable_steps(trunk_config)
    if start > stable:
        raise UserError(
            f"{where} is stable for {stable} steps only, and this run until step {start}: lower"
            " trainer.max_steps or lengthen scheduler.cooldown"
        )
    found = _latest_checkpoint(trunk, start)
    if found is None:
        raise UserError(
            f"{where} has no checkpoint at or before step {start}, where this run leaves its stable rate:"
            " train the trunk with callbacks.checkpoints.keep_every_n_steps=<steps>"
        )
    step, checkpoint = found
    check_origin(
        checkpoint,
        config_hash=record.config_hash,
        fingerprint=fingerprint,
        vouched=True,
        where=where,
    )
    return Branch(trunk=trunk, checkpoint=checkpoint, step=step)


def _check_stable(config: Config, trunk: Config, where: str) -> None:
    horizon = config["trainer"]["max_steps"]
    if "warmup" not in config["scheduler"] or cooldown_start(config["scheduler"], horizon) in (None, horizon):
        raise UserError(f"{where} needs scheduler=wsd, which is stable and then cools down")
    if cooldown_start(trunk["scheduler"], trunk["trainer"]["max_steps"]) is None:
        raise UserError(
            f"{where} is not a stable trunk: its scheduler must stay at its peak, as constant or wsd, not"
            f" {str(trunk['scheduler']['_target_']).rpartition('.')[2]}"
        )


def _check_schedules(config: Config, trunk: Config, where: str) -> None:
    here, there = (
        warmup_steps(run["scheduler"]["warmup"], run["trainer"]["max_steps"]) for run in (config, trunk)
    )
    if here != there:
        raise UserError(f"{where} warmed up for {there} steps, not {here}: give scheduler.warmup={there}")
    if config["param_groups"]["weight_decay_end"] != 1:
        raise UserError(
            f"{where} does not go with param_groups.weight_decay_end="
            f"{config['param_groups']['weight_decay_end']}, which depends on the horizon: only 1 does not"
        )


def _check_equal_otherwise(config: Config, trunk: Config, where: str) -> None:
    here, there = determining(config), determining(trunk)
    for path in sorted(here.keys() | there.keys()):
        if path.startswith("scheduler.") or path == "trainer.max_steps":
            continue
        if here.get(path) != there.get(path):
            raise UserError(
                f"{where} was trained with {path}={there.get(path)}, not {here.get(path)}: a branch may"
                " change its schedule and trainer.max_steps only"
            )


def _stable_steps(config: Config) -> int:
    """The steps of a run that come out the same for every longer horizon."""
    horizon = config["trainer"]["max_steps"]
    steps = cooldown_start(config["scheduler"], horizon)
    assert steps is not None
    starts = [each["start"] for each in averaging_callbacks(config["callbacks"]).values() if "start" in each]
    return min([steps, *(int(start * horizon) for start in starts)])


def _latest_checkpoint(trunk: RunDirectory, limit: int) -> tuple[int, Path] | None:
    names = (LAST, PREVIOUS, KEPT.format(step="*"))
    paths = (path for name in names for path in trunk.checkpoints.glob(name) if is_whole(path))
    steps = ((checkpoint_step(path), path) for path in paths)
    return max((found for found in steps if 0 < found[0] <= limit), default=None)
