"""A sentence in another language, by the model of a run."""

from typing import cast

import torch

from tuneformer.data.tokenizers.pair_tokenizer import end_of_sentence
from tuneformer.errors import UserError
from tuneformer.inference.loading import Run
from tuneformer.models.beam_search import search
from tuneformer.models.finite_weights import check_finite_weights
from tuneformer.models.sequence_to_sequence import SequenceToSequence


def translate(run: Run, sentence: str) -> str:
    """What the run's model makes of one sentence, by the search of its data settings.

    Raises:
        UserError: the sentence is empty or longer than the model was trained on, or the weights are not
            finite.
    """
    return run.tokenizer.decode(translate_tokens(run, sentence)[1])


def translate_tokens(run: Run, sentence: str) -> tuple[list[int], list[int]]:
    """The tokens of the sentence and of its translation, without their ends; see `translate`."""
    data = run.config["data"]
    text = " ".join(sentence.split())
    tokens = run.tokenizer.encode_prompt(text)
    if not text or not len(tokens):
        raise UserError("--prompt is empty: give a sentence to translate")
    if len(tokens) >= data["context_length"]:
        raise UserError(
            f"--prompt has {len(tokens)} tokens: give at most {data['context_length'] - 1}"
            " (data.context_length, and one that ends it)"
        )
    check_finite_weights(run.model, of=str(run.path))
    boundary = end_of_sentence(run.tokenizer)
    source = torch.tensor([[*tokens.tolist(), boundary]])
    (written,) = search(
        cast(SequenceToSequence, run.model),
        source,
        torch.ones_like(source, dtype=torch.bool),
        boundary=boundary,
        max_tokens=data["context_length"],
        beam_size=data["beam_size"],
        length_penalty=data["length_penalty"],
    )
    return tokens.tolist(), written
