"""What attention does on the same few examples, while it is learned."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import Tensor

from tuneformer.errors import UserError
from tuneformer.measures.attention_shares import HeadScore
from tuneformer.measures.head_importance import importance_by_gradient
from tuneformer.measures.head_scores import scores_of
from tuneformer.measures.probe import Probe, probe
from tuneformer.measures.registry import BY_KEY, DEAD_UNITS, IMPORTANCE
from tuneformer.measures.snapshot import snapshot_of
from tuneformer.measures.stream_scores import counted_tokens, stream_scores
from tuneformer.measures.units import dead_units
from tuneformer.models.attention.explicit import Watched
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.evaluating import evaluating
from tuneformer.process.random_state import kept_random_state
from tuneformer.runs.probe_files import keep_snapshot
from tuneformer.tasks.base import Task
from tuneformer.training.callbacks.boards import boards_of
from tuneformer.training.callbacks.probe_batch import ProbeMeasurement
from tuneformer.training.callbacks.tensors import as_numbers


class AttentionProbe(ProbeMeasurement):
    """Scores of every head and layer on a fixed batch, at each validation and on the weights it validates.

    `measures/registry.py` says which; of the residual stream those behind each layer. It runs the explicit
    path beside training, which stays on the fused one. Attention to the first example is kept in
    probes/step_<n>.npz, from step 0 on; of many those stay that cover the run evenly. A model without
    attention, or one that is spread over devices, is not looked at.

    Raises:
        UserError: one snapshot, which would be that of step 0 for ever.
    """

    def __init__(self, *, examples: int, n_tokens: int, snapshots: int) -> None:
        if snapshots < 0 or snapshots == 1:
            raise UserError(f"callbacks.attention_probe.snapshots={snapshots} must be 0 or at least 2")
        super().__init__(examples=examples, n_tokens=n_tokens)
        self.snapshots = snapshots
        self.first_example: dict[AttentionSite, Tensor] = {}
        """Weights (head, query, key) of the first example at the last look, for a dashboard to show."""
        self._row: dict[str, float] = {}

    def can_measure(self, task: Task) -> bool:
        """Whether the model has attention."""
        return any(isinstance(module, Watched) for module in task.model.modules())

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        if self.batch is not None and trainer.global_step == 0:
            self._look(trainer, cast(Task, pl_module))

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.batch is not None and not trainer.sanity_checking:
            with torch.inference_mode(False):
                self._row = self._look(trainer, cast(Task, pl_module))

    def after_validation(self, trainer: pl.Trainer, task: Task) -> Mapping[str, float]:
        """See `Measurement`."""
        del trainer, task
        row, self._row = self._row, {}
        return row

    def _look(self, trainer: pl.Trainer, task: Task) -> dict[str, float]:
        inputs = task.model_inputs(self.batch)
        seen = probe(task.model, inputs)
        if boards_of(trainer):
            self.first_example = {
                site: found.weights[0].float().cpu().clone() for site, found in seen.attention.items()
            }
        scores = scores_of(seen, inputs)
        for site, score in head_importance(task, self.batch).items():
            scores[site][IMPORTANCE.key] = score
        streams = stream_scores(seen)
        if self.snapshots:
            snapshot = snapshot_of(trainer.global_step, task.model, inputs, seen, scores, streams)
            keep_snapshot(Path(trainer.default_root_dir), snapshot, at_most=self.snapshots)
        row = as_numbers(columns_of_heads(scores) | dead_shares(seen))
        for measure, stacks in streams.items():
            for stack, values in stacks.items():
                places = enumerate(values[1:])
                row |= {BY_KEY[measure].at(f"{stack}.{layer}"): each for layer, each in places}
        return {name: value for name, value in row.items() if value == value}


def columns_of_heads(scores: Mapping[AttentionSite, Mapping[str, HeadScore]]) -> dict[str, Tensor]:
    """Each score of each head by the name of its column."""
    return {
        BY_KEY[measure].at(f"{site.stack}.{site.layer}.{head}"): value
        for site, measured in scores.items()
        for measure, score in measured.items()
        for head, value in enumerate(score)
    }


def head_importance(task: Task, batch: Any) -> dict[AttentionSite, HeadScore]:
    """How much the loss of each example needs each head, by its gradient; the mean over examples."""
    found: dict[AttentionSite, list[HeadScore]] = {}
    with kept_random_state(), evaluating(task.model):
        for row in range(len(batch[0])):
            one = task.some_examples(batch, slice(row, row + 1), n_tokens=batch[0].shape[1])
            for site, score in importance_by_gradient(
                task.model, lambda one=one: task.loss(one)[None]
            ).items():
                found.setdefault(site, []).append(score)
    return {site: torch.stack(scores).mean(dim=0) for site, scores in found.items()}


def dead_shares(seen: Probe) -> dict[str, Tensor]:
    """The share of dead units of each layer, by the name of its column; padding does not count."""
    shares = {}
    for stack, layers in seen.units.items():
        counted = counted_tokens(seen, stack)
        for layer, units in enumerate(layers):
            shares[DEAD_UNITS.at(f"{stack}.{layer}")] = dead_units(units[counted])
    return shares
