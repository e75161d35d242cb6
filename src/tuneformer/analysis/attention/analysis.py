"""The analysis of a run: everything that the page, the JSON and the CSV show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress

from tuneformer.analysis.attention.batch import MeasuredBatch, from_arrays, from_text, from_validation
from tuneformer.analysis.attention.curves import Curves, read_curves
from tuneformer.analysis.attention.downsample import block_means, shorten, shorten_axes
from tuneformer.analysis.attention.example import Example, describe
from tuneformer.analysis.attention.findings import findings
from tuneformer.analysis.attention.layers import guesses, score_layers
from tuneformer.analysis.attention.scores import HeadScores, score_heads
from tuneformer.analysis.attention.snapshots import look, read_snapshots, trimmed
from tuneformer.analysis.attention.subject import Subject, read_subject
from tuneformer.analysis.attention.token_text import TokenTexts
from tuneformer.errors import UserError
from tuneformer.measures.attention_graph import rollout
from tuneformer.measures.registry import BY_KEY
from tuneformer.models.attention.explicit import Watched
from tuneformer.runs.probe_files import ProbeSnapshot, Site

T = TypeVar("T")
NO_SCORES = HeadScores(scores={}, loss=None, n_repeated=None)


@dataclass(frozen=True, kw_only=True)
class Step:
    """Attention at one step of training.

    Attributes:
        snapshot: maps of the example, and scores over the examples that were measured then.
        rollout: of each stack whose tokens look at themselves, (query, key): all layers together.
        from_checkpoint: whether it was computed now, from a checkpoint; otherwise training left it.
    """

    snapshot: ProbeSnapshot
    rollout: Mapping[str, NDArray[np.float32]]
    from_checkpoint: bool

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return self.snapshot.step


@dataclass(frozen=True, kw_only=True)
class AttentionAnalysis:
    """One run.

    Attributes:
        name: of the run.
        path: its directory.
        model: what it is, in a few words.
        task: the name of its task.
        example: what the maps are of.
        steps: by step, at least one.
        scores: of the checkpoint; empty without one.
        layers: stack -> measure -> a number before the first layer and behind each.
        guesses: the likeliest token behind each of the example, and its probability.
        curves: from metrics.csv.
        measured_on: which examples scores and losses are of.
        notes: what is missing or was cut, a line each.
        findings: what stands out, a line each.
    """

    name: str
    path: Path
    model: str
    task: str
    example: Example
    steps: tuple[Step, ...]
    scores: HeadScores
    layers: Mapping[str, Mapping[str, Sequence[float]]]
    guesses: tuple[tuple[str, ...], tuple[float, ...]] | None
    curves: Curves
    measured_on: str
    notes: tuple[str, ...]
    findings: tuple[str, ...]

    @property
    def last(self) -> Step:
        """The last step."""
        return self.steps[-1]

    @property
    def heads(self) -> Mapping[Site, int]:
        """The number of heads of each module."""
        return {site: len(weights) for site, weights in self.last.snapshot.weights.items()}


def analyse(
    path: Path, *, checkpoint: str, text: str | None, examples: int, progress: Progress
) -> AttentionAnalysis:
    """Look at a run: what is there is shown, and what is not is said.

    Args:
        path: its directory.
        checkpoint: "last" or "best".
        text: the example to show, and to measure on; None: that of the snapshots, or the first of validation.
        examples: of validation, that heads are measured on.
        progress: shows how far the longest parts are.

    Raises:
        UserError: there is nothing to look at, or the text cannot be read.
    """
    subject = read_subject(path, checkpoint=checkpoint)
    if text is not None and subject.run is None:
        raise UserError(f"{path} has no checkpoint that could read --text")
    snapshots, notes = read_snapshots(subject) if text is None else ([], [])
    if subject.run is None and not snapshots:
        raise UserError(f"{path} has no checkpoint, and no snapshot of it can be read: {'; '.join(notes)}")
    batch, more = _choose_batch(subject, snapshots, text, examples=examples)
    return analyse_batch(subject, snapshots, batch, notes + more, progress=progress)


def analyse_batch(
    subject: Subject,
    snapshots: Sequence[ProbeSnapshot],
    batch: MeasuredBatch,
    notes: Sequence[str],
    *,
    progress: Progress,
) -> AttentionAnalysis:
    """Look at what has been read, with examples that have been chosen; see `analyse`."""
    notes = [*notes]
    shown = _shown(subject, snapshots, batch)
    targets = None if shown.targets is None else shown.targets.numpy()
    example = describe(subject, [None if x is None else x.numpy() for x in shown.inputs], targets)
    steps = _steps(subject, snapshots, batch, shown, progress)
    lengths = {stack: (len(axes.queries), len(axes.keys)) for stack, axes in example.axes.items()}
    ordered = example.image is None
    steps = [_ready(step, lengths, ordered=ordered) for step in steps]
    example, shortened = shorten_axes(example)
    scores, layers, guessed = NO_SCORES, {}, None
    if subject.run is not None:
        scores = score_heads(subject.run.model, batch, progress)
        layers = score_layers(subject.run.model, batch)
        scores = replace(scores, scores=meaningful(scores.scores, ordered=ordered))
        guessed = _guesses(subject, shown, example, is_shortened=bool(shortened))
        if scores.loss is None:
            notes.append("what the model shall answer is not known here: no loss with a head taken out")
    curves = read_curves(subject.metrics, [step.snapshot for step in steps])
    curves = replace(curves, heads=meaningful(curves.heads, ordered=ordered))
    path = subject.path
    return AttentionAnalysis(
        name=path.resolve().name,
        path=path,
        model=_model_in_words(subject, steps[-1]),
        task=subject.task,
        example=example,
        steps=tuple(steps),
        scores=scores,
        layers=layers,
        guesses=guessed,
        curves=curves,
        measured_on=batch.origin,
        notes=tuple(notes + shortened),
        findings=tuple(findings(scores, curves)),
    )


def _choose_batch(
    subject: Subject, snapshots: Sequence[ProbeSnapshot], text: str | None, *, examples: int
) -> tuple[MeasuredBatch, list[str]]:
    if text is not None:
        return from_text(subject, text)
    if subject.run is None:
        return from_arrays(subject, dict(snapshots[-1].inputs)), [
            "there is no checkpoint: scores are those that training logged, and no head was taken out"
        ]
    try:
        return from_validation(subject, examples=examples), []
    except UserError as error:
        if not snapshots:
            raise
        return from_arrays(subject, dict(snapshots[-1].inputs)), [
            f"measured on the example of the snapshots alone: {error}"
        ]


def _shown(subject: Subject, snapshots: Sequence[ProbeSnapshot], batch: MeasuredBatch) -> MeasuredBatch:
    return from_arrays(subject, dict(snapshots[-1].inputs)) if snapshots else batch.first


def _steps(
    subject: Subject,
    snapshots: Sequence[ProbeSnapshot],
    batch: MeasuredBatch,
    shown: MeasuredBatch,
    progress: Progress,
) -> list[Step]:
    """The snapshots, and the checkpoint; without snapshots every checkpoint that was kept."""
    steps = {
        snapshot.step: Step(snapshot=snapshot, rollout={}, from_checkpoint=False) for snapshot in snapshots
    }
    if subject.run is not None:
        models = [(subject.run.step, subject.run.model)] if snapshots else subject.models_of_steps()
        for step, model in progress.track(models, description="maps of the checkpoints"):
            snapshot = look(step, model, batch, shown)
            steps[step] = Step(snapshot=snapshot, rollout={}, from_checkpoint=True)
    return [steps[step] for step in sorted(steps)]


def _ready(step: Step, lengths: Mapping[str, tuple[int, int]], *, ordered: bool) -> Step:
    """The step as it is shown: without padding, with its rollout, long maps as blocks."""
    snapshot = trimmed(step.snapshot, lengths)
    rolled = {}
    for stack in ("encoder", "decoder"):
        layers = [snapshot.weights[site] for site in sorted(snapshot.weights) if site[0] == stack]
        if layers:
            maps = rollout([torch.from_numpy(np.ascontiguousarray(layer))[None] for layer in layers])
            rolled[stack] = block_means(maps[0].numpy())
    snapshot = replace(shorten(snapshot), heads=meaningful(snapshot.heads, ordered=ordered))
    return replace(step, snapshot=snapshot, rollout=rolled)


def meaningful(measures: Mapping[str, T], *, ordered: bool) -> dict[str, T]:
    """Those that make sense for an example whose parts are in an order, or are not."""
    kept = (key for key in measures if ordered or key not in BY_KEY or not BY_KEY[key].of_an_order)
    return {key: measures[key] for key in kept}


def _guesses(
    subject: Subject, shown: MeasuredBatch, example: Example, *, is_shortened: bool
) -> tuple[tuple[str, ...], tuple[float, ...]] | None:
    assert subject.run is not None
    guessed = guesses(subject.run.model, shown)
    if guessed is None or is_shortened:
        return None
    n_queries = len(example.axes["decoder"].queries)  # padding is behind them
    return TokenTexts(subject.kept_tokenizer).all(guessed[0][:n_queries]), tuple(guessed[1][:n_queries])


def _attention_modules(subject: Subject) -> list[str]:
    """The classes of its attention modules; what the group `attention` names need not be in the model."""
    if subject.model is None:
        return []
    modules = [module for module in subject.model.modules() if isinstance(module, Watched)]
    return list(dict.fromkeys(module.told_as for module in modules))


def _model_in_words(subject: Subject, last: Step) -> str:
    name = str(subject.config["model"].get("_target_", "")).rpartition(".")[2]
    attention = " and ".join(_attention_modules(subject))
    stacks = dict.fromkeys(site[0] for site in last.snapshot.weights)
    told = []
    for stack in stacks:
        layers = [weights for site, weights in last.snapshot.weights.items() if site[0] == stack]
        told.append(f"{stack} {len(layers)} x {len(layers[0])}")
    return f"{name} with {attention or 'attention'}: layers x heads {', '.join(told)}"
