"""The run whose weights another one starts from (`init_from`): what identifies them, and what must fit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tuneformer.config.flat_settings import flat_settings
from tuneformer.config.plain import Config
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory, find_run
from tuneformer.runs.field_types import is_amount
from tuneformer.runs.identity import INIT_RUN
from tuneformer.runs.needed_fields import OF_AN_OPTIMIZER, check_present
from tuneformer.runs.record import RunRecord

CHOICES = ("init_from", "init_optimizer", "init_weights")
STARTED_FROM = ("finished", "stopped")
"""Statuses of a run whose last.ckpt holds the weights of the steps that its record says."""

# settings of a model of the same architecture that may be others; those that follow from data show in shapes
MAY_DIFFER = frozenset(
    {
        "attention.dropout",
        "model.context_length",
        "model.dropout",
        "model.end_token",
        "model.image_size",
        "model.initialization",
        "model.n_channels",
        "model.n_classes",
        "model.n_inputs",
        "model.n_outputs",
        "model.size",
        "model.task",
        "model.vocab_size",
    }
)


def with_origin(config: Config) -> Config:
    """The configuration with `init_run`, which identifies the weights that the run starts from.

    It is the configuration's hash, the step and the data of the run `init_from`, or what a run that has
    begun from it in `run_dir` keeps: from then on that run is not needed any more.

    Raises:
        UserError: `init_from` is no finished run, has no such checkpoint or is of another architecture.
    """
    path, optimizer = config["init_from"], config["init_optimizer"]
    if path is None:
        for name, value in (("init_optimizer", "fresh"), ("init_weights", "last")):
            if config[name] != value:
                raise UserError(f"{name}={config[name]} needs the run that had it: init_from=<folder>")
        return config
    if (kept := _kept(config)) is not None:
        return config | {INIT_RUN: kept}
    where = f"init_from={path}"
    if optimizer == "kept" and config["init_weights"] == "best":
        raise UserError("init_optimizer=kept needs init_weights=last: best.ckpt has no optimizer state")
    if optimizer == "kept" and config["trainer"]["strategy"] == "fsdp":
        raise UserError("init_optimizer=kept does not go with trainer.strategy=fsdp: choose ddp, or fresh")
    try:
        source = find_run(path)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    record, there = source.read_record(), source.read_config()
    if record.status not in STARTED_FROM:
        raise UserError(f"{where} is {record.status}: only a finished run can be started from")
    check_architecture(config, there, where)
    if optimizer == "kept":
        check_present(there, OF_AN_OPTIMIZER, file=source.config_file)
        _check_same_optimizer(config, there, where)
    file = origin_checkpoint(config)
    if not file.is_file():
        other = "last" if config["init_weights"] == "best" else "best"
        hint = f", or init_weights={other}" if file.with_name(f"{other}.ckpt").is_file() else ""
        raise UserError(f"{where} has no {file.name}: give a run that kept it{hint}")
    step = _step(config, record, source)
    data = record.data["fingerprint"]
    return config | {INIT_RUN: f"{record.config_hash} at step {step} on {data[:16]}"}


def origin_checkpoint(config: Config) -> Path:
    """The file that holds the weights to start from."""
    return RunDirectory(Path(config["init_from"])).checkpoints / f"{config['init_weights']}.ckpt"


def check_architecture(config: Config, there: Config, where: str) -> None:
    """Raises UserError for the first setting of the model that makes another one of it."""
    for path, here, other in _different(config, there, ("model", "attention")):
        if path not in MAY_DIFFER:
            raise UserError(
                f"{where} was trained with {path}={other}, not {here}: the architecture must be the same"
            )


def _kept(config: Config) -> str | None:
    """What the run that has begun in `run_dir` says of its origin, where that is what is asked for."""
    if config["run_dir"] is None:
        return None
    directory = RunDirectory(Path(config["run_dir"]))
    if not directory.config_file.is_file():
        return None
    before = directory.read_config()
    same = all(before.get(name) == config[name] for name in CHOICES)
    return before.get(INIT_RUN) if same else None


def _check_same_optimizer(config: Config, there: Config, where: str) -> None:
    for path, here, other in _different(config, there, ("optimizer", "param_groups")):
        if path.endswith("_target_") or path == "param_groups.rules":
            raise UserError(
                f"{where} was trained with {path}={other}, not {here}: init_optimizer=kept needs the same"
                " optimizer, init_optimizer=fresh does not"
            )


def _step(config: Config, record: RunRecord, source: RunDirectory) -> int:
    check_present(vars(record), ("data.fingerprint", "steps"), file=source.record_file)
    if config["init_weights"] == "last":
        return int(record.steps)
    best = record.best.get("step")
    if best is None:
        raise UserError(f"init_from={config['init_from']} has no best weights: choose init_weights=last")
    if not is_amount(best) or best != int(best):
        raise UserError(f"{source.record_file} is damaged: metrics.best.step must be a number of steps")
    return int(best)


def _different(config: Config, there: Config, groups: tuple[str, ...]) -> Iterator[tuple[str, Any, Any]]:
    absent = "absent"
    for group in groups:
        here, other = (
            dict(flat_settings(config[group], f"{group}.")),
            dict(flat_settings(there[group], f"{group}.")),
        )
        for path in sorted(here.keys() | other.keys()):
            if here.get(path, absent) != other.get(path, absent):
                yield path, here.get(path, absent), other.get(path, absent)
