"""A module of the user's own, built and tried before it trains: what it answers, and where its heads are."""

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tuneformer.errors import UserError, reason_of
from tuneformer.models.attention.explicit import SeenAttention, watch_attention
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.evaluating import evaluating
from tuneformer.models.parts import HasAttentionParts
from tuneformer.models.rule_names import names_for_rules
from tuneformer.process.random_state import kept_random_state

N_EXAMPLES, N_TOKENS = 2, 3
"""What it is tried with."""


def built_and_tried(
    build: Callable[[], nn.Module], *, asked: str, vocab_size: int, context_length: int | None
) -> nn.Module:
    """Return the module, which answers tokens with logits, its parameters known to rules by what they are.

    On the meta device it is not tried.

    Args:
        build: makes it.
        asked: the setting that names it, for messages.
        vocab_size: tokens of the data.
        context_length: the longest text that it is given; None: any.

    Raises:
        UserError: it cannot be built or read tokens, or answers with something else, or has no such heads as
            it says.
    """
    model: nn.Module = _tried(build, f"{asked} cannot be built")
    n_answers = vocab_size
    if torch.get_default_device().type != "meta":
        n_answers = _n_answers(model, asked, vocab_size, min(N_TOKENS, context_length or N_TOKENS))
    known = names_for_rules(model, n_answers, prefix="")
    told = {"rule_names": lambda: known, "row_parts": dict[str, tuple[int, ...]]}
    vars(model).update({name: method for name, method in told.items() if not hasattr(model, name)})
    return model


def _n_answers(model: nn.Module, asked: str, vocab_size: int, n_tokens: int) -> int:
    """The width of its logits, once they are found to be such."""
    tokens = torch.zeros(N_EXAMPLES, n_tokens, dtype=torch.long)
    seen: dict[AttentionSite, int] = {}

    def watch(site: AttentionSite, attention: SeenAttention) -> None:
        seen[site] = attention.weights.shape[1]

    with torch.no_grad(), kept_random_state(), evaluating(model), watch_attention(model, watch):
        answer = _tried(lambda: model(tokens), f"{asked} cannot read tokens {list(tokens.shape)}")
    wanted = f"[{N_EXAMPLES}, {n_tokens}, {vocab_size}] (batch, time, vocabulary)"
    if not isinstance(answer, Tensor):
        raise UserError(f"{asked}: forward must return logits {wanted} alone, not {type(answer).__name__}")
    if answer.shape[:-1] != tokens.shape or answer.shape[-1] < vocab_size or not answer.is_floating_point():
        raise UserError(
            f"{asked}: forward must return logits {wanted}, not {list(answer.shape)} of {answer.dtype}"
        )
    _check_heads(model, asked, seen)
    return answer.shape[-1]


def _check_heads(model: nn.Module, asked: str, seen: Mapping[AttentionSite, int]) -> None:
    for part in model.attention_parts() if isinstance(model, HasAttentionParts) else ():
        where = f"{asked}: attention_parts() names {part.stack} {part.layer}, {type(part.module).__name__}"
        heads = seen.get(AttentionSite(part.stack, part.layer))
        if heads is None:
            raise UserError(f"{where}, which does not call F.scaled_dot_product_attention")
        if heads * part.head_dim != part.output.in_features:
            raise UserError(
                f"{where}: {heads} heads of head_dim={part.head_dim} are not the {part.output.in_features}"
                " inputs of its output"
            )


def _tried(call: Callable[[], Any], what: str) -> Any:
    """What a call of the user's code gives; what it raises in one line, with the place in that code."""
    try:
        return call()
    except UserError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        raise UserError(f"{what}: {type(error).__name__}: {reason_of(error)} ({place})") from error
