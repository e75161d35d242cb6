"""A run directory as objects: what everything after training starts from."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tuneformer.data.tokenizers import Tokenizer, tokenizer_from_json
from tuneformer.errors import UserError
from tuneformer.models.build import build_model
from tuneformer.runs.checkpoint_keys import EVALUATION_WEIGHTS
from tuneformer.runs.directory import TOKENIZER_FILE, RunDirectory, find_run
from tuneformer.runs.metrics_file import read_columns
from tuneformer.runs.record import Record

CHECKPOINTS = ("last", "best")
MODEL_PREFIX = "model."


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run.

    Attributes:
        path: its directory.
        config: its configuration, plain values.
        record: record.json.
        metrics: metrics.csv, one list a column, NaN where a row has no value.
        model: the model with the weights to evaluate, on the CPU, in evaluation mode.
        kept_tokenizer: what turns text into its tokens and back, where its data are text.
        step: the optimizer steps that the weights have seen.
    """

    path: Path
    config: dict[str, Any]
    record: Record
    metrics: dict[str, list[float]]
    model: nn.Module
    kept_tokenizer: Tokenizer | None
    step: int

    @property
    def task(self) -> str:
        """What the model was asked to do, by its name in `tasks.catalogue`."""
        return self.config["data"]["task"]

    @property
    def tokenizer(self) -> Tokenizer:
        """What turns text into its tokens and back; UserError where its data are not text."""
        if self.kept_tokenizer is None:
            raise UserError(f"{self.path} has no tokenizer: its task is {self.task}")
        return self.kept_tokenizer


def load(path: Path, *, checkpoint: str) -> Run:
    """See `tuneformer.load_run`."""
    if checkpoint not in CHECKPOINTS:
        raise UserError(f"checkpoint={checkpoint} must be one of {', '.join(CHECKPOINTS)}")
    directory = find_run(path)
    config, record = directory.read_config(), directory.read_record()
    tokenizer = kept_tokenizer(directory)
    file = directory.checkpoints / f"{checkpoint}.ckpt"
    state = load_checkpoint(file)
    model = build_model(config["model"], config["attention"], needs={})  # a run's settings hold them
    _load_weights(model, evaluated_weights(state), file)
    return Run(
        path=directory.path,
        config=config,
        record=record,
        metrics=metrics_of(directory),
        model=model.eval(),
        kept_tokenizer=tokenizer,
        step=int(state["global_step"]),
    )


def metrics_of(directory: RunDirectory) -> dict[str, list[float]]:
    """The columns of metrics.csv, NaN where a row has no value; none where nothing was measured yet."""
    if not directory.metrics_file.exists():
        return {}
    return {name: values.tolist() for name, values in read_columns(directory.metrics_file).items()}


def load_checkpoint(file: Path) -> dict[str, Any]:
    """A checkpoint's content, on the CPU.

    Raises:
        UserError: it is missing or damaged.
    """
    if not file.exists():
        there = ", ".join(sorted(path.name for path in file.parent.glob("*.ckpt"))) or "no checkpoint"
        raise UserError(f"{file} does not exist: {file.parent} holds {there}")
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, KeyError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{file} is damaged: {reason}") from error
    if not isinstance(state, dict) or not {"state_dict", "global_step"} <= state.keys():
        raise UserError(f"{file} is damaged: it is not the checkpoint of a run")
    return state


def evaluated_weights(checkpoint: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The model's state, with the weights that were evaluated where others trained."""
    weights = {
        name.removeprefix(MODEL_PREFIX): tensor
        for name, tensor in checkpoint["state_dict"].items()
        if name.startswith(MODEL_PREFIX)
    }
    return weights | checkpoint.get(EVALUATION_WEIGHTS, {})


def _load_weights(model: nn.Module, weights: dict[str, torch.Tensor], file: Path) -> None:
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise UserError(f"{file} does not fit the model of config.yaml: {reason}") from error


def kept_tokenizer(directory: RunDirectory) -> Tokenizer | None:
    """What turns text into the tokens of a run; None where its data are not text.

    Raises:
        UserError: the file is missing or damaged.
    """
    if TOKENIZER_FILE not in directory.read_record()["data"].get("kept", [TOKENIZER_FILE]):
        return None
    file = directory.tokenizer_file
    try:
        return tokenizer_from_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read: {error}") from error
