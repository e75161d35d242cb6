"""A run directory as objects: what everything after training starts from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tuneformer.data.task_facts import TaskFacts
from tuneformer.data.tokenizers.kinds import names_of, read_tokenizer
from tuneformer.data.tokenizers.tokenizer import Tokenizer
from tuneformer.errors import UserError, reason_of
from tuneformer.models.build import build_model
from tuneformer.models.hf.lora import merged_weights, without_adapters
from tuneformer.models.hf.source import ARCHITECTURE_FILE, with_kept_architecture
from tuneformer.models.size import n_parameters
from tuneformer.process.terminal import printable
from tuneformer.runs.checkpoint_keys import EVALUATION_WEIGHTS
from tuneformer.runs.directory import TOKENIZER_FILE, RunDirectory, find_run
from tuneformer.runs.field_types import is_whole
from tuneformer.runs.metrics_file import read_values
from tuneformer.runs.packed_archive import check_archive
from tuneformer.runs.record import RunRecord
from tuneformer.runs.regular_file import check_regular
from tuneformer.tasks.lookup import task_of

CHECKPOINTS = ("last", "best")
MODEL_PREFIX = "model."


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """What a run directory holds beside weights.

    Attributes:
        path: its directory.
        config: its configuration, plain values.
        metrics: of metrics.csv, name -> step -> value, with the steps at which each was measured alone.
        kept_tokenizer: what turns text into its tokens and back, where its data are text.
    """

    path: Path
    config: dict[str, Any]
    metrics: dict[str, dict[int, float]]
    kept_tokenizer: Tokenizer | None

    @property
    def task(self) -> str:
        """What the model was asked to do, by its name."""
        return self.config["data"]["task"]

    @property
    def task_facts(self) -> TaskFacts:
        """What is true of that."""
        return task_of(self.config["data"])


@dataclass(frozen=True, kw_only=True)
class Run(RunFiles):
    """One run, with the weights of a checkpoint.

    Attributes:
        record: record.json.
        model: the model with the weights to evaluate, on the CPU, in evaluation mode; adapters (LoRA) are
            merged into its matrices.
        step: the optimizer steps that the weights have seen.
    """

    record: RunRecord
    model: nn.Module
    step: int

    def __str__(self) -> str:
        """What it is, in five lines."""
        model = str(self.config["model"].get("_target_", "")).rpartition(".")[2]
        options = " ".join(f"{group}={option}" for group, option in self.record.options.items())
        shown = (f"{name} {value:.4f}" for name, value in self.record.final.items() if "/loss" in name)
        lines = (
            f"{self.path}: {self.record.status}, step {self.step:,}",
            f"model: {model}, {n_parameters(self.model):,} parameters",
            f"task: {self.task}, {self.record.seen:,} {self.record.data.get('unit', 'units')} seen",
            f"options: {options or 'not recorded'}",
            f"metrics: {', '.join(shown) or 'none yet'}",
        )
        return "\n".join(printable(line).replace("\n", "\\n") for line in lines)

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
    other = next(name for name in CHECKPOINTS if name != checkpoint)
    if not file.exists() and (directory.checkpoints / f"{other}.ckpt").exists():
        raise UserError(f"{file} does not exist, but {other}.ckpt does: choose checkpoint={other}")
    state = load_checkpoint(file)
    weights = plain_weights(state, config, file)
    model = _build(config, directory, n_weights=len(weights))
    _load_weights(model, weights, file)
    return Run(
        path=directory.path,
        config=config,
        record=record,
        metrics=metrics_of(directory),
        model=model.eval(),
        kept_tokenizer=tokenizer,
        step=int(state["global_step"]),
    )


def metrics_of(directory: RunDirectory) -> dict[str, dict[int, float]]:
    """What metrics.csv holds, name -> step -> value; nothing where nothing was measured yet."""
    return read_values(directory.metrics_file) if directory.metrics_file.exists() else {}


def load_checkpoint(file: Path) -> dict[str, Any]:
    """A checkpoint's content, on the CPU: what is read of it has the type that it must have.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        # torch's reader of plain data raises whatever a damaged or hostile file brings it to
        state = read_archive(file)
    except FileNotFoundError as error:
        there = ", ".join(sorted(path.name for path in file.parent.glob("*.ckpt"))) or "no checkpoint"
        raise UserError(f"{file} does not exist: {file.parent} holds {there}") from error
    except Exception as error:
        raise UserError(f"{file} is damaged: {reason_of(error)}") from error
    if not isinstance(state, dict) or not {"state_dict", "global_step"} <= state.keys():
        raise UserError(f"{file} is damaged: it is not the checkpoint of a run")
    if not is_whole(state["global_step"]):
        raise UserError(f"{file} is damaged: its global_step is {state['global_step']!r:.60}")
    for part in ("state_dict", EVALUATION_WEIGHTS):
        if fault := _fault_of_weights(state.get(part, {})):
            raise UserError(f"{file} is damaged: its {part} {fault}")
    return state


def read_archive(file: Path, *, mapped: bool = False) -> Any:
    """What torch wrote into a file, plain data and tensors on the CPU; whatever is opened is opened here.

    `mapped`: tensors stay in the file until they are asked for.

    Raises:
        OSError: it is missing, or no regular file: a pipe would be waited for, for ever.
        Exception: it is damaged or hostile; there is no telling what torch's reader raises.
    """
    check_regular(file)
    check_archive(file)
    return torch.load(file, map_location="cpu", weights_only=True, mmap=mapped)


def _fault_of_weights(weights: Any) -> str | None:
    if not isinstance(weights, dict):
        return f"is a {type(weights).__name__}, not a table of tensors"
    for name, tensor in weights.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            return f"has {name!r:.60}, which is no tensor with a name"
        if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            return f"has {name!r:.60}, which is no plain tensor"
    return None


def evaluated_weights(checkpoint: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The model's state, with the weights that were evaluated where others trained."""
    weights = {
        name.removeprefix(MODEL_PREFIX): tensor
        for name, tensor in checkpoint["state_dict"].items()
        if name.startswith(MODEL_PREFIX)
    }
    return weights | checkpoint.get(EVALUATION_WEIGHTS, {})


def plain_weights(checkpoint: dict[str, Any], config: dict[str, Any], file: Path) -> dict[str, torch.Tensor]:
    """The same, with adapters merged into their matrices: the state of a loaded run's model.

    Raises:
        UserError: those do not fit.
    """
    try:
        return merged_weights(evaluated_weights(checkpoint), config["model"])
    except UserError as error:
        raise UserError(f"{file} does not fit the model of config.yaml: {error}") from error


def _build(config: dict[str, Any], directory: RunDirectory, *, n_weights: int) -> nn.Module:
    """The model of config.yaml; UserError, which names the file, whatever keeps it from being built."""
    config_file = directory.config_file
    try:
        plain = without_adapters(config["model"])
        model = with_kept_architecture(plain, directory.path / ARCHITECTURE_FILE)
        n_layers: Any = model.get("n_layers")
        if is_whole(n_layers) and n_layers > n_weights:
            raise UserError(
                f"model.n_layers={n_layers} is more than the {n_weights} tensors of the checkpoint"
            )
        return build_model(model, config["attention"], needs={})  # a run's settings hold them
    # a constructor raises what its arguments bring it to; the command line checks them one by one
    except Exception as error:
        raise UserError(f"{config_file} describes no model that can be built: {reason_of(error)}") from error


def _load_weights(model: nn.Module, weights: dict[str, torch.Tensor], file: Path) -> None:
    state = model.state_dict()
    for name in state.keys() & weights.keys():
        here, there = state[name].dtype, weights[name].dtype
        if here != there and not (here.is_floating_point and there.is_floating_point):
            raise UserError(f"{file} does not fit the model of config.yaml: {name} is of {there}, not {here}")
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise UserError(f"{file} does not fit the model of config.yaml: {reason}") from error


def kept_tokenizer(directory: RunDirectory) -> Tokenizer | None:
    """What turns text into the tokens of a run; None where its data are not text.

    Raises:
        UserError: the file is missing or damaged, or it is not the tokenizer that the model was trained with.
    """
    if TOKENIZER_FILE not in directory.read_record().data.get("kept", [TOKENIZER_FILE]):
        return None
    file, config = directory.tokenizer_file, directory.read_config()
    try:
        tokenizer = read_tokenizer(file)
    except FileNotFoundError as error:
        raise UserError(f"{file} cannot be read: there is none") from error
    asked, room = config["data"].get("tokenizer"), config["model"].get("vocab_size")
    if asked is not None and tokenizer.name not in names_of(asked):
        raise UserError(f"{file} is of the kind {tokenizer.name}, not data.tokenizer={asked}")
    # translation has a token more, the boundary of a sentence
    if is_whole(room) and not room - 1 <= tokenizer.vocab_size <= room:
        raise UserError(
            f"{file} has {tokenizer.vocab_size} tokens, and the model was built for model.vocab_size={room}"
        )
    return tokenizer
