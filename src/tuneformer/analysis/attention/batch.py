"""The examples that heads are measured on, and what the loss of each is."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.analysis.attention.example import ModelInputs
from tuneformer.analysis.attention.subject import Subject
from tuneformer.data.contract import IGNORED
from tuneformer.data.tokenizers.pair_tokenizer import end_of_sentence
from tuneformer.errors import UserError
from tuneformer.inference.evaluation import prepare_again
from tuneformer.inference.loading import Run
from tuneformer.inference.translating import translate_tokens
from tuneformer.tasks.lookup import task_class

MOST_TOKENS = 256
"""Of each text: maps grow with the square. Also what the probe of a run takes."""


@dataclass(frozen=True, kw_only=True)
class MeasuredBatch:
    """Examples, the first of which is shown.

    Attributes:
        inputs: what the model is called with.
        targets: what it shall answer, -100 (or NaN) where that is not scored; None where it is not known.
        origin: where the examples are from, in a few words.
    """

    inputs: ModelInputs
    targets: Tensor | None
    origin: str

    @property
    def first(self) -> "MeasuredBatch":
        """The first example alone."""
        return self.some(1)

    def some(self, n_examples: int) -> "MeasuredBatch":
        """The first examples."""
        inputs = tuple(None if x is None else x[:n_examples] for x in self.inputs)
        targets = None if self.targets is None else self.targets[:n_examples]
        return MeasuredBatch(inputs=inputs, targets=targets, origin=self.origin)

    @property
    def n_numbers(self) -> int:
        """Numbers of the largest input: tokens, pixels or components of vectors."""
        return max(x.numel() for x in self.inputs if x is not None)

    def losses(self, model: nn.Module, *, copies: int = 1) -> Float[Tensor, " copy_and_example"]:
        """The loss of each example, of so many copies of them one behind the other.

        Only where the answers are known.
        """
        assert self.targets is not None
        inputs = (None if x is None else _copied(x, copies) for x in self.inputs)
        return example_losses(model(*inputs), _copied(self.targets, copies))


def _copied(x: Tensor, copies: int) -> Tensor:
    return x.repeat(copies, *(1 for _ in x.shape[1:]))


def example_losses(outputs: Tensor, targets: Tensor) -> Float[Tensor, " example"]:
    """Return the mean over the scored places of each example of -log p(target), or of |y - target|^2.

    Args:
        outputs: logits (batch, class) or (batch, time, vocab), or vectors (batch, time, output).
        targets: (batch,), (batch, time) or (batch, time, output).
    """
    outputs = outputs if outputs.dtype == torch.float64 else outputs.float()
    if targets.is_floating_point():
        scored = ~targets.isnan().any(dim=-1)
        gaps = torch.where(scored.unsqueeze(-1), outputs - targets.nan_to_num(), 0.0)
        values = gaps.square().sum(dim=-1)
    else:
        scored = targets != IGNORED
        nats = F.cross_entropy(
            outputs.flatten(0, -2), targets.flatten(), ignore_index=IGNORED, reduction="none"
        )
        values = nats.view(targets.shape)
    if values.dim() == 1:
        return values
    return values.sum(dim=1) / scored.sum(dim=1).clamp(min=1)


def from_validation(subject: Subject, *, examples: int) -> MeasuredBatch:
    """The first examples of validation, of long texts their first tokens; pairs of middle length.

    Raises:
        UserError: the data cannot be had, or is other data now.
    """
    assert subject.run is not None
    data, prepared = prepare_again(subject.run)
    module = data.batches(prepared, seed=subject.run.config["seed"])
    batches = module.evaluation_batches("validation", rank=0, world_size=1)
    skipped = batches.n_batches // 2 if subject.task_facts.by_length else 0
    batch: Any = next(islice(batches, skipped, None))
    task = task_class(subject.task_facts)
    some = task.some_examples(batch, slice(examples), n_tokens=MOST_TOKENS)
    which = "of middle length" if skipped else "the first"
    origin = f"{len(some.targets)} examples of validation, {which}"
    return MeasuredBatch(inputs=task.model_inputs(some), targets=some.targets, origin=origin)


def from_arrays(subject: Subject, arrays: dict[int, np.ndarray]) -> MeasuredBatch:
    """The example of a snapshot; what it shall answer is known where that is the next token."""
    n_inputs = max(arrays) + 1
    inputs = tuple(torch.from_numpy(arrays[i]) if i in arrays else None for i in range(n_inputs))
    targets = next_tokens(inputs[0]) if subject.task_facts.text == "continued" else None
    return MeasuredBatch(inputs=inputs, targets=targets, origin="the example of the snapshots")


def from_text(subject: Subject, text: str) -> tuple[MeasuredBatch, list[str]]:
    """A text as the run's tokenizer has it, and what had to be done to it.

    Raises:
        UserError: the run has no tokenizer or does not read one text, or the text cannot be told in its
            vocabulary, or is shorter than two tokens; a sentence to translate may not be cut.
    """
    use = subject.task_facts.text
    if subject.kept_tokenizer is None or subject.run is None or use is None:
        raise UserError(f"--text has no meaning for {subject.path}: its task is {subject.task}")
    try:
        if use == "translated":
            return from_sentence(subject.run, text), []
        tokens = subject.kept_tokenizer.encode_prompt(text)
    except UserError as error:
        raise UserError(str(error).replace("--prompt", "--text")) from None
    if len(tokens) < 2:
        raise UserError(f"--text={text!r} has {len(tokens)} tokens: give at least 2")
    notes, longest = [], int(subject.config["data"]["context_length"])
    if len(tokens) > longest:
        notes.append(
            f"--text has {len(tokens)} tokens: only the first {longest} are read, the model's context"
        )
        tokens = tokens[:longest]
    row = torch.from_numpy(tokens).long()[None]
    if use == "classified":
        inputs: ModelInputs = (row, torch.ones_like(row, dtype=torch.bool))
        return MeasuredBatch(inputs=inputs, targets=None, origin="the text given"), notes
    return MeasuredBatch(inputs=(row,), targets=next_tokens(row), origin="the text given"), notes


def from_sentence(run: Run, sentence: str) -> MeasuredBatch:
    """A sentence and what the model makes of it, the target that it is scored on.

    Raises:
        UserError: the sentence is empty, or longer than the model was trained on.
    """
    source, written = translate_tokens(run, sentence)
    end = end_of_sentence(run.tokenizer)
    read = torch.tensor([[*source, end]])
    return MeasuredBatch(
        inputs=(read, torch.ones_like(read, dtype=torch.bool), torch.tensor([[end, *written]])),
        targets=torch.tensor([[*written, end]]),
        origin="the text given and its translation by the model",
    )


def next_tokens(tokens: Tensor | None) -> Tensor:
    """Return the token after each, (batch, time); what follows the last is not known."""
    assert tokens is not None
    return F.pad(tokens[:, 1:], (0, 1), value=IGNORED)
