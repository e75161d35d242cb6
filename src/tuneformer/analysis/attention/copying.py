"""The copying score of the heads of a decoder."""

import torch
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.measures.attention_shares import HeadScore
from tuneformer.measures.ov_circuit import copying_score, value_and_output
from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.block import PostNormBlock
from tuneformer.models.decoder import Decoder


def copying_scores(model: nn.Module) -> dict[AttentionSite, HeadScore] | None:
    """The score of each head by its weights, the gains of norms multiplied in.

    None where there is no circuit from tokens to logits: other models than decoders, latent attention.
    """
    if not isinstance(model, Decoder):
        return None
    embedding = model.token_embedding.weight.detach()
    unembedding = embedding if model.output is None else model.output.weight.detach()
    unembedding = unembedding * _gain(model.norm, like=unembedding)
    scores = {}
    for block in model.blocks:
        shell = block.attention
        assert isinstance(shell, AttentionBase)
        try:
            value, output = value_and_output(shell)
        except UserError:
            return None
        if not isinstance(block, PostNormBlock):
            norm = block.attention_norm
            assert isinstance(norm, nn.Module)
            value = value * _gain(norm, like=value)
        scores[shell.layer.site] = copying_score(value, output, embedding, unembedding)
    return scores


def _gain(norm: nn.Module, *, like: Tensor) -> Tensor:
    gain = getattr(norm, "weight", None)
    return gain.detach() if isinstance(gain, Tensor) else torch.ones((), dtype=like.dtype)
