"""The run that is analysed: with its model, or with as much as is left of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from tuneformer.config.registry import allowed_by_user
from tuneformer.errors import UserError
from tuneformer.inference.loading import (
    CHECKPOINTS,
    Run,
    RunFiles,
    kept_tokenizer,
    load,
    load_checkpoint,
    metrics_of,
    plain_weights,
)
from tuneformer.models.attention.explicit import Watched
from tuneformer.models.finite_weights import check_finite_weights
from tuneformer.models.hf.model import HuggingFaceModel
from tuneformer.runs.directory import find_run
from tuneformer.runs.probe_files import snapshots_in
from tuneformer.tasks.lookup import task_of

HOW_TO_SAY = "docs/guide-extending.md"
"""Where a model of the user's own is told how to say where its attention is."""


@dataclass(frozen=True, kw_only=True)
class Subject(RunFiles):
    """A run directory; `run` is None where it has no checkpoint."""

    run: Run | None

    @property
    def model(self) -> nn.Module | None:
        """The model with the weights of the checkpoint."""
        return None if self.run is None else self.run.model

    def models_of_steps(self) -> Iterator[tuple[int, nn.Module]]:
        """The model at every step that a checkpoint was kept of, up to the last; it is the same object."""
        if self.run is None:
            return
        model, last = self.run.model, {k: v.clone() for k, v in self.run.model.state_dict().items()}
        files = {int(file.stem.removeprefix("step_")): file for file in _kept(self.path)}
        for step in sorted(step for step in files if step < self.run.step):
            model.load_state_dict(plain_weights(load_checkpoint(files[step]), self.config, files[step]))
            yield step, model
        model.load_state_dict(last)
        yield self.run.step, model


def read_subject(path: Path, *, checkpoint: str) -> Subject:
    """The run in a directory.

    Raises:
        UserError: there is no run, a file of it is damaged, its weights are not finite, or there is nothing
            to look at: its model has no attention, or there is neither a checkpoint nor a snapshot.
    """
    if checkpoint not in CHECKPOINTS:
        raise UserError(f"checkpoint={checkpoint} must be one of {', '.join(CHECKPOINTS)}")
    directory = find_run(path)
    config = directory.read_config()
    facts = task_of(config["data"])
    if not facts.analysed:
        raise UserError(f"{path} cannot be analysed: the page of attention shows no examples of {facts.name}")
    if (directory.checkpoints / f"{checkpoint}.ckpt").exists():
        run = load(path, checkpoint=checkpoint)
        check_finite_weights(run.model, of=str(path))
        if not any(isinstance(module, Watched) for module in run.model.modules()):
            target = str(config["model"].get("_target_", ""))
            name = target.rpartition(".")[2]
            if isinstance(run.model, HuggingFaceModel):
                name = run.model.network.config.model_type
            hint = f", without attention_parts() ({HOW_TO_SAY})" if allowed_by_user(target) else ""
            raise UserError(f"{path} has no attention to look at: its model is {name}{hint}")
        return Subject(
            path=path, config=config, metrics=run.metrics, kept_tokenizer=run.kept_tokenizer, run=run
        )
    if not snapshots_in(path):
        raise UserError(f"{path} has neither checkpoints/{checkpoint}.ckpt nor probes/: nothing to look at")
    return Subject(
        path=path,
        config=config,
        metrics=metrics_of(directory),
        kept_tokenizer=kept_tokenizer(directory),
        run=None,
    )


def _kept(path: Path) -> list[Path]:
    files = (path / "checkpoints").glob("step_*.ckpt")
    return [file for file in files if file.stem.removeprefix("step_").isdigit()]
