"""The weights, and perhaps the optimizer's state, that a run takes over from another one (`init_from`).

Everything else begins anew: step, schedule, batches (of the run's own seed) and averages. The run keeps a
copy of what it took over, so that it can go on when the other one is gone.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tuneformer.config.plain import Config
from tuneformer.data.contract import PreparedData
from tuneformer.errors import UserError
from tuneformer.inference.loading import MODEL_PREFIX, evaluated_weights, load_checkpoint, read_archive
from tuneformer.runs.directory import TOKENIZER_FILE, RunDirectory
from tuneformer.runs.files import write_whole
from tuneformer.runs.identity import INIT_RUN
from tuneformer.runs.origin import origin_checkpoint
from tuneformer.tasks.base import Task

INITIAL = "initial.ckpt"


@dataclass(frozen=True, kw_only=True)
class InitialWeights:
    """What a run starts from.

    Attributes:
        source: the run it is of (`init_from`), for people.
        run: what identifies that run and its step (`init_run`).
        step: the optimizer steps that it had done.
        weights: the model's state: those that were evaluated, or with `optimizer` those that train.
        optimizer: the optimizer's state, where it is kept.
    """

    source: str
    run: str
    step: int
    weights: dict[str, Tensor]
    optimizer: dict[str, Any] | None

    def __str__(self) -> str:
        optimizer = "a fresh optimizer" if self.optimizer is None else "the state of its optimizer"
        return f"the weights of {self.source} at step {self.step}, with {optimizer}"

    def as_record(self) -> dict[str, Any]:
        """What record.json says of it."""
        return {
            "from": self.source,
            "run": self.run,
            "step": self.step,
            "optimizer": "fresh" if self.optimizer is None else "kept",
            "digest": _digest([self.weights, self.optimizer]),
        }

    def keep(self, directory: RunDirectory) -> None:
        """Writes a copy into the run directory, whole or not at all."""
        content = {"global_step": self.step, "source": self.source, "run": self.run}
        content |= {"weights": self.weights, "optimizer": self.optimizer}
        write_whole(directory.checkpoints / INITIAL, lambda file: torch.save(content, file))

    def check_fits(self, task: Task) -> None:
        """Raises UserError if a weight is missing on either side or has another shape."""
        mine = task.model.state_dict()
        for name in sorted(mine.keys() | self.weights.keys()):
            here, there = (_shape(weights.get(name)) for weights in (mine, self.weights))
            if here != there:
                raise UserError(
                    f"init_from={self.source} does not fit: {name} is {there} there and {here} here"
                )

    def put_into(self, task: Task, *, precision: str) -> None:
        """Makes them the task's weights, and the state that its optimizer begins with.

        Raises:
            UserError: they do not fit.
        """
        self.check_fits(task)
        if precision == "64-true":
            task.model.double()  # before the trainer does, so that no digit is lost
        task.model.load_state_dict(self.weights)
        task.kept_optimizer = self.optimizer


def put_initial_weights(
    task: Task, config: Config, prepared: PreparedData, directory: RunDirectory
) -> InitialWeights | None:
    """Gives a run that begins the weights of `init_from`, and returns them; None where it is null."""
    if config["init_from"] is None:
        return None
    initial = initial_weights(config, prepared, directory)
    initial.put_into(task, precision=config["trainer"]["precision"])
    return initial


def initial_weights(config: Config, prepared: PreparedData, directory: RunDirectory | None) -> InitialWeights:
    """What the run of `config` starts from: the copy in its directory, or the checkpoint of `init_from`.

    Raises:
        UserError: the checkpoint is missing, damaged or of another step, or its text is in other tokens.
    """
    copy = directory.checkpoints / INITIAL if directory is not None else None
    if copy is not None and copy.is_file():
        kept = _read_copy(copy)
        if kept.run == config[INIT_RUN]:
            return kept
    source, file = RunDirectory(Path(config["init_from"])), origin_checkpoint(config)
    state, where = load_checkpoint(file), f"init_from={source}"
    if f" at step {state['global_step']} on " not in config[INIT_RUN]:
        raise UserError(f"{where} has changed since: {file.name} is of step {state['global_step']}")
    _check_tokenizer(source, prepared, where)
    keeps = config["init_optimizer"] == "kept"
    if keeps and not state.get("optimizer_states"):
        raise UserError(f"{file} has no optimizer state: choose init_optimizer=fresh")
    return InitialWeights(
        source=str(source),
        run=config[INIT_RUN],
        step=int(state["global_step"]),
        weights=_training_weights(state) if keeps else evaluated_weights(state),
        optimizer=state["optimizer_states"][0] if keeps else None,
    )


def _read_copy(file: Path) -> InitialWeights:
    try:
        content = read_archive(file)
        kept = InitialWeights(step=int(content.pop("global_step")), **content)
        if not all(isinstance(weight, Tensor) for weight in kept.weights.values()):
            raise TypeError("its weights are no tensors")
    except Exception as error:  # torch's reader raises whatever a damaged file brings it to
        raise UserError(f"{file} is damaged: remove it, and the run starts from init_from again") from error
    return kept


def _check_tokenizer(source: RunDirectory, prepared: PreparedData, where: str) -> None:
    here = prepared.kept.get(TOKENIZER_FILE)
    there = source.tokenizer_file.read_text(encoding="utf-8") if source.tokenizer_file.is_file() else None
    if here == there:
        return
    if here is None or there is None:
        raise UserError(
            f"{where} {'has no' if there is None else 'has a'} tokenizer, other than this run's data"
        )
    raise UserError(
        f"{where} was trained with another tokenizer: its vocabulary is not that of this run's data"
    )


def _training_weights(state: dict[str, Any]) -> dict[str, Tensor]:
    return {
        name.removeprefix(MODEL_PREFIX): weight
        for name, weight in state["state_dict"].items()
        if name.startswith(MODEL_PREFIX)
    }


def _shape(weight: Tensor | None) -> str:
    return "missing" if weight is None else " x ".join(map(str, weight.shape)) or "a number"


def _digest(tree: Any) -> str:
    """Of every bit of every tensor, and of every name and number between them."""
    digest = hashlib.sha256()

    def add(node: Any) -> None:
        if isinstance(node, Tensor):
            digest.update(f"{node.dtype}{tuple(node.shape)}".encode())
            digest.update(node.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        elif isinstance(node, dict):
            for key in sorted(node, key=str):
                digest.update(f"{key}:".encode())
                add(node[key])
        elif isinstance(node, list | tuple):
            for element in node:
                add(element)
        else:
            digest.update(repr(node).encode())

    add(tree)
    return digest.hexdigest()[:16]
