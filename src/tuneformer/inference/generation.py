"""Text from a trained model, token by token."""

import math
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.models.finite_weights import NotFiniteError, check_finite_weights


def generate(
    model: nn.Module,
    tokens: Int[Tensor, " time"],
    *,
    context_length: int | None = None,
    n_tokens: int,
    temperature: float,
    top_k: int | None,
    generator: torch.Generator,
) -> Iterator[int]:
    """Yield `n_tokens` tokens that continue `tokens`, each as soon as it is drawn.

    The next token is drawn from softmax(logits / temperature) over the `top_k` most likely tokens
    (None: over all); temperature 0 takes the most likely. A model with a cache keeps keys and values. When
    its context is full, the last half of it is computed anew and the rest forgotten, since positions
    cannot be shifted in a cache; of a prompt longer than the context the end is used. Any other model reads
    the last `context_length` tokens anew for each. The model is in evaluation mode while the iteration lasts.

    Args:
        model: gives the logits of the next token for each token, (batch, time, vocab); on any device.
        tokens: the prompt.
        context_length: the tokens of a text that it was trained on; None: as many as there are.
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
    if isinstance(model, HasCache) and model.new_cache() is not None:
        read = _CachedReading(model)
    else:
        read = _Reading(model, context_length)
    return _generate(model, read, tokens, n_tokens, temperature, top_k, generator)


class Past(Protocol):
    """What a model keeps of the tokens before: so many of them, of at most `capacity`."""

    length: int
    capacity: int


@runtime_checkable
class HasCache(Protocol):
    """A model that goes on from the past that a cache holds."""

    def new_cache(self) -> Past | None:
        """Return an empty one; None where the model has another kind of past."""
        ...

    def __call__(self, tokens: Tensor, cache: Any) -> Tensor:
        """Return the logits behind tokens that continue those in the cache, and put them there."""
        ...


class _Reading:
    """Reads the end of a text anew for each token."""

    def __init__(self, model: nn.Module, context_length: int | None) -> None:
        self._model = model
        self._context_length = context_length or 0

    def next_logits(self, seen: list[int], device: torch.device) -> Tensor:
        """The logits of the token behind `seen`."""
        return self._model(torch.tensor([seen[-self._context_length :]], device=device))[0, -1]


class _CachedReading:
    """Reads what is new, and remembers the keys and values of the rest."""

    def __init__(self, model: HasCache) -> None:
        self._model = model
        self._cache = self._empty()
        self._read = 0

    def _empty(self) -> Past:
        cache = self._model.new_cache()
        assert cache is not None
        return cache

    def next_logits(self, seen: list[int], device: torch.device) -> Tensor:
        """The logits of the token behind `seen`, which has grown since the last call."""
        new = seen[self._read :] if self._read else seen[-self._cache.capacity :]
        if self._cache.length + len(new) > self._cache.capacity:
            self._cache = self._empty()
            new = seen[-max(1, self._cache.capacity // 2) :]
        self._read = len(seen)
        return self._model(torch.tensor([new], device=device), self._cache)[0, -1]


def _generate(
    model: nn.Module,
    read: _Reading | _CachedReading,
    tokens: Tensor,
    n_tokens: int,
    temperature: float,
    top_k: int | None,
    generator: torch.Generator,
) -> Iterator[int]:
    device = next(model.parameters()).device
    seen = tokens.tolist()
    was_training = model.training
    model.eval()
    try:
        for _ in range(n_tokens):
            # not around the loop: the mode would leak to the caller between two tokens
            with torch.inference_mode():
                logits = read.next_logits(seen, device)
                if not logits.isfinite().all():
                    raise NotFiniteError(
                        f"the model's logits after {len(seen)} tokens are not finite: weights are too large"
                    )
                token = draw_token(logits, temperature=temperature, top_k=top_k, generator=generator)
            seen.append(token)
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
