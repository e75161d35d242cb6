"""Losses of counting models, against counts by hand and a known source."""

import math

import numpy as np
import pytest

from tuneformer.data.text.ngrams import PRIOR, ngram_losses

pytestmark = pytest.mark.fast


def test_the_losses_are_those_by_hand() -> None:
    training, validation = np.array([0, 1, 0, 1, 1, 0]), np.array([0, 1, 2])
    found = ngram_losses(training, validation, vocab_size=3)
    single = [4 / 9, 4 / 9, 1 / 9]
    assert found["unigram"] == pytest.approx(-(math.log(single[1]) + math.log(single[2])) / 2)
    after_0 = (2 + PRIOR * single[1]) / (2 + PRIOR)  # 0 is followed twice, by 1 each time
    after_1 = (0 + PRIOR * single[2]) / (3 + PRIOR)  # 1 is followed three times, never by 2
    assert found["bigram"] == pytest.approx(-(math.log(after_0) + math.log(after_1)) / 2)


def test_a_chain_is_scored_near_its_entropy() -> None:
    """A bigram model knows a chain of order one; one of single tokens knows that all are equally likely."""
    draw, n, stay = np.random.default_rng(0), 60_000, 0.9
    steps = np.where(draw.random(n) < stay, 1, draw.integers(0, 8, n))
    chain = np.cumsum(steps) % 8
    found = ngram_losses(chain[:50_000], chain[50_000:], vocab_size=8)
    likely, other = stay + (1 - stay) / 8, (1 - stay) / 8
    entropy = -likely * math.log(likely) - 7 * other * math.log(other)
    assert found["unigram"] == pytest.approx(math.log(8), abs=0.01)
    assert found["bigram"] == pytest.approx(entropy, abs=0.02)


def test_without_a_pair_there_is_no_loss() -> None:
    assert ngram_losses(np.arange(5), np.arange(1), vocab_size=5) == {}
