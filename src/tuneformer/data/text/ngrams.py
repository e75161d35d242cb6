"""What a count of tokens, and of pairs of tokens, reaches on a text: the scale for a model's loss on it."""

import numpy as np

from tuneformer.data.text.token_files import ShardedTokens

MOST_TRAINING, MOST_SCORED = 10_000_000, 1_000_000
"""Tokens from the beginning of training that are counted, and of validation that are scored."""
PRIOR = 5.0
"""Counts that the tokens alone are worth in what follows a token."""


def ngram_losses(
    training: np.ndarray | ShardedTokens, validation: np.ndarray | ShardedTokens, *, vocab_size: int
) -> dict[str, float]:
    """The mean loss in nats per token, on validation, of two models that count the training tokens.

        unigram: p(b) = (n(b) + 1) / (N + V)
        bigram:  p(b | a) = (n(a, b) + PRIOR p(b)) / (n(a) + PRIOR)

    A model that reads no more than the token before it comes no lower than about the second (Dirichlet
    prior: MacKay and Peto 1995).

    Returns:
        {"unigram": ..., "bigram": ...}; nothing where validation has no pair.
    """
    seen = _first(training, MOST_TRAINING)
    scored = _first(validation, MOST_SCORED)
    if len(seen) < 2 or len(scored) < 2:
        return {}
    single = (np.bincount(seen, minlength=vocab_size) + 1) / (len(seen) + vocab_size)
    pairs, counts = np.unique(seen[:-1] * vocab_size + seen[1:], return_counts=True)
    first, second = scored[:-1], scored[1:]
    asked = first * vocab_size + second
    places = np.minimum(np.searchsorted(pairs, asked), len(pairs) - 1)
    of_pair = np.where(pairs[places] == asked, counts[places], 0)
    of_first = np.bincount(seen[:-1], minlength=vocab_size)[first]
    together = (of_pair + PRIOR * single[second]) / (of_first + PRIOR)
    return {"unigram": float(-np.log(single[second]).mean()), "bigram": float(-np.log(together).mean())}


def _first(tokens: np.ndarray | ShardedTokens, most: int) -> np.ndarray:
    return tokens[np.arange(min(len(tokens), most))].astype(np.int64)
