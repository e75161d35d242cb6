"""What the residual stream holds, layer by layer."""

import torch
from torch import nn

from tuneformer.analysis.attention.batch import MeasuredBatch
from tuneformer.data.contract import IGNORED
from tuneformer.measures.probe import probe
from tuneformer.measures.registry import LENS_LOSS
from tuneformer.measures.residual_stream import lens_loss, logit_lens
from tuneformer.measures.stream_scores import stream_scores
from tuneformer.models.decoder import Decoder
from tuneformer.models.encoder_decoder import EncoderDecoder
from tuneformer.models.hf.causal import HuggingFaceDecoder
from tuneformer.models.hf.translator import HuggingFaceTranslator
from tuneformer.models.parts import HasAttentionParts

LAST_STACK = "decoder"
WITH_LOGITS_OF_TOKENS = (Decoder, EncoderDecoder, HuggingFaceDecoder, HuggingFaceTranslator)


def score_layers(model: nn.Module, batch: MeasuredBatch) -> dict[str, dict[str, list[float]]]:
    """Stack -> measure -> a number before the first layer and behind each.

    Those of `registry.OF_LAYERS`; the loss if the model ended there, by the scored tokens, where the stream
    can be read as tokens.
    """
    seen = probe(model, batch.inputs)
    found: dict[str, dict[str, list[float]]] = {stack: {} for stack in seen.streams}
    for measure, stacks in stream_scores(seen).items():
        for stack, values in stacks.items():
            found[stack][measure] = values
    targets = batch.targets
    if isinstance(model, Decoder | EncoderDecoder) and targets is not None and LAST_STACK in found:
        scored = targets != IGNORED
        with torch.no_grad():
            lens = logit_lens(seen.streams[LAST_STACK], model.unembed)
            found[LAST_STACK][LENS_LOSS.key] = [lens_loss(x, targets.clamp(min=0), scored) for x in lens]
    return found


def guesses(model: nn.Module, shown: MeasuredBatch) -> tuple[list[int], list[float]] | None:
    """The likeliest token behind each of the example, and its probability; None where none is predicted."""
    told = isinstance(model, HasAttentionParts) and shown.targets is not None and shown.targets.dim() == 2
    if not told and not isinstance(model, WITH_LOGITS_OF_TOKENS):
        return None
    likeliest = probe(model, shown.inputs).output[0].float().softmax(dim=-1).max(dim=-1)
    return likeliest.indices.tolist(), likeliest.values.tolist()
