"""The lines of an analysis, from planted scores."""

from typing import Any

import numpy as np
import pytest

from tuneformer.analysis.attention.curves import Curves
from tuneformer.analysis.attention.findings import findings
from tuneformer.analysis.attention.scores import HeadScores, Score

pytestmark = pytest.mark.fast

NOTHING = Curves(losses={}, heads={})


def score(values: list[list[float]], null: float) -> Score:
    sites = {("decoder", layer): np.array(row, dtype=np.float32) for layer, row in enumerate(values)}
    return Score(values=sites, null={site: np.full_like(row, null) for site, row in sites.items()})


def lines(curves: Curves = NOTHING, **scores: Any) -> str:
    return "\n".join(findings(HeadScores(scores=scores, loss=2.0, n_repeated=None), curves))


def test_the_head_that_stands_out_is_named_with_its_baseline() -> None:
    text = lines(previous_token=score([[0.1, 0.9], [0.2, 0.1]], 0.1))
    assert text == "decoder.0.1 attends most to the token before: 0.90 (uniform attention 0.10)"
    flat = lines(previous_token=score([[0.1, 0.12], [0.2, 0.1]], 0.1))
    assert flat.startswith("no head attends to the token before much more than by chance: decoder.1.0 most")


def test_the_steps_between_which_a_score_rose_are_named() -> None:
    points = [(0, 0.05), (100, 0.06), (200, 0.7), (300, 0.8)]
    curves = Curves(losses={}, heads={"prefix_matching": {("decoder", 1): {0: points}}})
    text = lines(curves, prefix_matching_random=score([[0.1, 0.1], [0.8, 0.1]], 0.05))
    assert "decoder.1.0 attends most to what followed a token before" in text
    assert text.endswith("it rose most between steps 100 and 200, from 0.06 to 0.70")


def test_sinks_are_counted_unless_uniform_attention_is_one() -> None:
    rates = [[0.5, 0.1], [0.31, 0.2]]
    assert lines(sink_rate=score(rates, 0.08)).startswith("2 of 4 heads attend to the first key")
    assert lines(sink_rate=score(rates, 0.4)) == ""


def test_dead_heads_are_named_and_the_one_that_is_needed_most() -> None:
    text = lines(ablation=score([[0.5, 0.0], [-0.2, 0.00001]], 0.003))
    first, second = text.splitlines()
    assert first.startswith("without decoder.0.0 the loss rises most: 2.000 to 2.500")
    assert second == "2 of 4 heads change the loss by less than 0.0001: decoder.0.1, decoder.1.1"
    alive = lines(ablation=score([[0.5, 0.1]], 0.003)).splitlines()[1]
    assert alive == "each of 2 heads changes the loss by 0.0001 at least: none is dead"
