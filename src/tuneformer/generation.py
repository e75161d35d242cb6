"""Text from a trained model, token by token."""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tuneformer.errors import UserError
from tuneformer.models.decoder import Decoder
from tuneformer.models.finite_weights import NotFiniteError, check_finite_weights


def generate(
    model: Decoder,
    tokens: Int[Tensor, " time"],
    *,
    n_tokens: int,
    temperature: float,
    top_k: int | None,
    generator: torch.Generator,
) -> Iterator[int]:
    """Yield `n_tokens` tokens that continue `tokens`, each as soon as it is drawn.

    The next token is drawn from softmax(logits / temperature) over the `top_k` most likely tokens
    (None: over all); temperature 0 takes the most likely. Keys and values are cached. When the
    context is full, the last half of it is computed anew and the rest forgotten, since positions
    cannot be shifted in a cache; of a prompt longer than the context the end is used. The model is
    in evaluation mode while the iteration lasts.

    Args:
        model: the model, on any device.
        tokens: the prompt.
        n_tokens: how many to draw.
        temperature: 1 draws from the model's own distribution, less sharpens it.
        top_k: keep so many of the most likely tokens; more than there are keeps all.
        generator: a generator on the CPU, where tokens are drawn whatever the model's device.

    Raises:
        UserError: a setting out of range, an empty prompt, or weights that are not finite; at the call, not
            at the first token. Logits that are not finite: at their token.
    """
    if len(tokens) == 0:
        raise UserError("--prompt is empty: give at least one token to continue")
    if n_tokens < 1:
        raise UserError(f"--tokens={n_tokens} must be at least 1")
    if not (temperature >= 0 and math.isfinite(temperature)):
        raise UserError(f"--temperature={temperature} must be a finite number, 0 or greater (0: most likely)")
    if top_k is not None and top_k < 1:
        raise UserError(f"--top-k={top_k} must be at least 1, or left out to keep all tokens")
    check_finite_weights(model, of="the model")
    return _generate(model, tokens, n_tokens, temperature, top_k, generator)


def _generate(
    model: Decoder,
    tokens: Tensor,
    n_tokens: int,
    temperature: float,
    top_k: int | None,
    generator: torch.Generator,
) -> Iterator[int]:
    device = model.token_embedding.weight.device
    seen = tokens.tolist()
    was_training = model.training
    model.eval()
    try:
        cache = model.new_cache()
        new = seen[-cache.capacity :]
        for _ in range(n_tokens):
            if cache.length + len(new) > cache.capacity:
                cache = model.new_cache()
                new = seen[-max(1, cache.capacity // 2) :]
            # not around the loop: the mode would leak to the caller between two tokens
            with torch.inference_mode():
                logits = model(torch.tensor([new], device=device), cache)[0, -1]
                if not logits.isfinite().all():
                    raise NotFiniteError(
                        f"the model's logits after {len(seen)} tokens are not finite: weights are too large"
                    )
                token = draw_token(logits, temperature=temperature, top_k=top_k, generator=generator)
            seen.append(token)
            new = [token]
            yield token
    finally:
        model.train(was_training)


def draw_token(
    logits: Float[Tensor, " vocab"], *, temperature: float, top_k: int | None, generator: torch.Generator
) -> int:
    """Draw one token from softmax(logits / temperature) over the `top_k` largest logits (see `generate`)."""
    if temperature == 0:
        return int(logits.argmax())
    logits = logits.double().cpu()
    kept, tokens = logits.topk(min(top_k or len(logits), len(logits)))
    # the largest logit is 0 before the division: a small temperature must not overflow
    probabilities = ((kept - kept[0]) / temperature).softmax(dim=0)
    return int(tokens[torch.multinomial(probabilities, 1, generator=generator)])
