"""Whether a composed configuration can be trained: checked in one place, before torch is imported.

Keys, types and targets first, then the range of each number, then what several groups must agree on.
Nothing is clamped or mended: the first thing wrong raises UserError.
"""

import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tuneformer.checks.bounds import check_bounds, setting
from tuneformer.checks.lightning_callbacks import check_lightning_callbacks
from tuneformer.checks.run_overrides import with_run_settings
from tuneformer.config.callback_facts import averaging_callbacks
from tuneformer.config.compose import compose_choices, compose_config
from tuneformer.config.described import description_of, follows_from_data
from tuneformer.config.full_names import full_names
from tuneformer.config.keys import MISSING, check_group, without_dropped
from tuneformer.config.messages import COMPOSING_ERRORS, check_choices, one_line
from tuneformer.config.options import list_options, source_folders
from tuneformer.config.places import check_places
from tuneformer.config.plain import Config
from tuneformer.config.registry import check_targets
from tuneformer.config.schema import GROUPS, Root
from tuneformer.config.shown import printable
from tuneformer.config.suggestions import did_you_mean, one_of
from tuneformer.data.tokenizers.kinds import check_tokenizer
from tuneformer.errors import UserError
from tuneformer.models.attention_use import check_attention_is_used
from tuneformer.models.documents_use import check_documents_are_kept
from tuneformer.models.settings_object import check_model, filled_model
from tuneformer.optim.checks import (
    check_optimizer_settings,
    check_passes,
    check_schedule_settings,
)
from tuneformer.optim.rules import read_rules
from tuneformer.runs.origin import with_origin
from tuneformer.runs.own_folder import check_own_folder
from tuneformer.tasks.lookup import BEST_METRIC, check_task, metrics_of_task, task_of

WORKERS_A_CORE = 32
"""Processes that make batches, for each CPU core; they only wait for one another beyond."""

MEASURABLE = ("precision", "float32_matmul_precision", "threads", "compile")
OUR_RESOLVER = "UserError raised while resolving interpolation: "


def check_config(config: DictConfig, hydra: DictConfig) -> Config:
    """The configuration as plain values, every check passed.

    Args:
        config: the composed configuration, without Hydra's own part.
        hydra: Hydra's own part, for the chosen options and where they were found.

    Raises:
        UserError: one line with the setting, its value and what is allowed.
    """
    folders = source_folders(hydra)
    check_task(config, hydra.runtime.choices.get("model"), folders)
    plain = resolve(config)
    _check_root(plain)
    check_targets(plain)
    for group in GROUPS:
        option = hydra.runtime.choices.get(group)
        if option is None or not isinstance(plain.get(group), dict):
            raise UserError(f"{group} is missing: choose one of {', '.join(list_options(group, folders))}")
        one_of(group, str(option), list_options(group, folders))
        check_group(group, str(option), plain[group], folders)
    check_places(plain)
    if plain["run_dir"] is not None:
        check_own_folder(plain["run_dir"])
    plain = without_dropped(plain)
    averaged = bool(averaging_callbacks(plain["callbacks"]))
    metrics = metrics_of_task(task_of(plain["data"]), averaged=averaged)
    check_bounds(plain, metrics)
    check_lightning_callbacks(plain["callbacks"], metrics[BEST_METRIC])
    check_attention_is_used(plain, str(hydra.runtime.choices.attention), folders)
    check_documents_are_kept(plain, hydra.runtime.choices)
    _check_groups_together(plain)
    if plain["name"] is None:
        plain["name"] = f"{hydra.runtime.choices.optimizer}-{hydra.runtime.choices.scheduler}"
    return with_origin(plain)


def checked_config(overrides: Sequence[str], config_dir: str | Path | None = None) -> Config:
    """The configuration that `tuneformer train <overrides>` would train, every check passed.

    Args:
        overrides: as on the command line.
        config_dir: a folder of further options beside those of the project (--config-dir).

    Raises:
        UserError: one line with the setting, its value and what is allowed.
    """
    check_choices(overrides)
    overrides = with_run_settings(overrides, config_dir)
    try:
        return check_config(*compose_config(overrides, config_dir))
    except COMPOSING_ERRORS as error:
        raise one_line(error, compose_choices(overrides, config_dir)) from error


def check_single_run(config: Config, hydra: DictConfig) -> None:
    """Raises UserError for what only a sweep can do: nothing that is asked for is left out in silence.

    A job of a sweep may be started by itself, and has what its sweep was given; its folder tells.
    """
    if config["sweep"] is not None and config["run_dir"] is not None:
        return
    choices = hydra.runtime.choices
    listed = config["search"].get("grid") or {}
    for_a_sweep = {
        f"search={choices.search}": "sampler" in config["search"],
        f"search.grid ({', '.join(listed)})": bool(listed),
        f"launcher={choices.launcher}": choices.launcher != "serial",
        f"sweep={config['sweep']}": config["sweep"] is not None,
        f"preflight={config['preflight']}": config["preflight"] != "full",
        "retry_failed=true": config["retry_failed"],
        f"hydra.sweeper.n_trials={hydra.sweeper.n_trials}": hydra.sweeper.n_trials is not None,
        f"hydra.sweeper.budget={hydra.sweeper.budget}": hydra.sweeper.budget is not None,
    }
    for given, asked in for_a_sweep.items():
        if asked:
            raise UserError(f"{given} is for many runs: add --multirun, or leave it out for one")


def resolve(config: DictConfig) -> Config:
    """The configuration with every interpolation replaced by its value."""
    try:
        plain = OmegaConf.to_container(filled_model(config), resolve=True, throw_on_missing=False)
    except OmegaConfBaseException as error:
        line = str(error).splitlines()[0]
        if line.startswith(OUR_RESOLVER):
            raise UserError(line.removeprefix(OUR_RESOLVER)) from error
        raise UserError(f"{error.full_key}: {line}") from error
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _check_root(config: Config) -> None:
    known = [field.name for field in fields(Root)]
    for key in config:
        if key not in known:
            names = full_names(key, {name: config[name] for name in known if name in config})
            hint = f"did you mean {' or '.join(names)}?" if names else did_you_mean(key, known)
            raise UserError(f"{key} is not a setting: {hint}")
    for key in known:
        if config.get(key, MISSING) == MISSING and key not in GROUPS:
            raise UserError(f"{key} is missing: give {key}=<value>")
    for tag in config["tags"]:
        if not isinstance(tag, str):
            raise UserError(f"tags=[{printable(tag)}] must be a list of words")


def _check_groups_together(config: Config) -> None:
    check_optimizer_settings(config["optimizer"])
    check_schedule_settings(config["scheduler"], config["trainer"]["max_steps"])
    read_rules(config["param_groups"]["rules"])
    check_passes(config)
    _check_width_transfer(config)
    check_model(config["model"], config["attention"])
    tokenizer, bpe_vocab_size = (config["data"].get(key) for key in ("tokenizer", "bpe_vocab_size"))
    if tokenizer is not None and bpe_vocab_size is not None:
        check_tokenizer(tokenizer, bpe_vocab_size=bpe_vocab_size)
    _check_sizes(config)
    _check_devices(config)
    _check_workers(config["data"]["num_workers"])


def _check_width_transfer(config: Config) -> None:
    base_width, scheme = setting(config, "model.base_width"), setting(config, "model.initialization")
    by_width = getattr(description_of(("param_groups",), config["param_groups"]), "scales_with_width", False)
    if by_width and base_width is None:
        raise UserError(
            "param_groups=mup scales rates from model.base_width, which is null: choose model=decoder_mup"
        )
    if base_width is None:
        return
    if not by_width:
        raise UserError(f"model.base_width={base_width} needs rates that follow the width: param_groups=mup")
    if scheme != "mup":
        raise UserError(f"model.initialization={scheme} must be mup with model.base_width={base_width}")


def _check_sizes(config: Config) -> None:
    context, room = setting(config, "data.context_length"), setting(config, "model.context_length")
    if context is not None and room is not None and context > room:
        raise UserError(
            f"data.context_length={context} must be at most model.context_length={room}, the positions that"
            " the model has"
        )
    for name in follows_from_data("model") & config["model"].keys():
        if config["model"][name] != config["data"].get(name):
            raise UserError(f"model.{name}={config['model'][name]} cannot be set: it follows from data")


def _check_workers(workers: int) -> None:
    most = WORKERS_A_CORE * (os.cpu_count() or 1)
    if workers > most:
        raise UserError(f"data.num_workers={workers} must be at most {most}, {WORKERS_A_CORE} for each core")


def _check_devices(config: Config) -> None:
    trainer, batch_size = config["trainer"], config["data"]["batch_size"]
    devices = trainer["devices"]
    if trainer["strategy"] == "fsdp" and not task_of(config["data"]).shards:
        raise UserError(
            f"trainer.strategy=fsdp does not go with data.task={config['data']['task']}: choose ddp"
        )
    averages = averaging_callbacks(config["callbacks"])
    if trainer["strategy"] == "fsdp" and averages:
        raise UserError(
            f"trainer.strategy=fsdp does not go with callbacks.{next(iter(averages))}: choose ddp, or other"
            " callbacks"
        )
    open_settings = [f"trainer.{name}" for name in MEASURABLE if trainer[name] == "auto"]
    if open_settings and (devices != 1 or trainer["num_nodes"] != 1):
        raise UserError(
            f"{open_settings[0]}=auto is measured in one process, and trainer.devices={devices}"
            f" trainer.num_nodes={trainer['num_nodes']} is more: find it on one device and give it here"
        )
    if devices == "auto":
        return
    cores = os.cpu_count() or 1
    if trainer["accelerator"] == "cpu" and devices > cores:
        raise UserError(f"trainer.devices={devices} is more than the {cores} CPU cores of this machine")
    parts = devices * trainer["num_nodes"] * trainer["accumulate_grad_batches"]
    if batch_size % parts:
        raise UserError(
            f"data.batch_size={batch_size} must be a multiple of {parts}: trainer.devices={devices}"
            f" x trainer.num_nodes={trainer['num_nodes']}"
            f" x trainer.accumulate_grad_batches={trainer['accumulate_grad_batches']}"
        )
