"""What was found, in a few lines: the heads that stand out, and what they are needed for."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

from tuneformer.analysis.attention.curves import Curves
from tuneformer.analysis.attention.scores import HeadScores, Score
from tuneformer.measures import registry
from tuneformer.measures.measure import Measure
from tuneformer.measures.registry import DEAD_IMPORTANCE, SINK_THRESHOLD
from tuneformer.runs.probe_files import Site

STANDS_OUT = 3.0
"""Times its null baseline, from where on a score is told."""


def findings(scores: HeadScores, curves: Curves) -> list[str]:
    """Lines for the terminal and the page, each number beside what it would be by chance."""
    lines = []
    before, followed = "the token before", "what followed a token before, on random tokens twice"
    lines += _largest(scores, registry.PREVIOUS_TOKEN, before, curves, over_training=registry.PREVIOUS_TOKEN)
    random, logged = registry.PREFIX_MATCHING_RANDOM, registry.PREFIX_MATCHING
    lines += _largest(scores, random, followed, curves, over_training=logged)
    lines += _sinks(scores.scores.get(registry.SINK_RATE.key))
    lines += _needed(scores)
    return lines


def head_name(site: Site, head: int) -> str:
    """How a head is called: as its columns in metrics.csv."""
    return f"{site[0]}.{site[1]}.{head}"


def all_heads(values: Mapping[Site, np.ndarray]) -> Iterator[tuple[Site, int, float]]:
    """Every head with its number."""
    for site, of_heads in values.items():
        for head, value in enumerate(of_heads.tolist()):
            yield site, head, value


def _largest(
    scores: HeadScores, measure: Measure, what: str, curves: Curves, *, over_training: Measure
) -> list[str]:
    score = scores.scores.get(measure.key)
    known = [] if score is None else [each for each in all_heads(score.values) if np.isfinite(each[2])]
    if score is None or not known:
        return []
    site, head, value = max(known, key=lambda each: each[2])
    null = float(score.null[site][head])
    name = head_name(site, head)
    chance = f"(uniform attention {null:.2f})"
    if value < STANDS_OUT * null:
        return [f"no head attends to {what} much more than by chance: {name} most, {value:.2f} {chance}"]
    line = f"{name} attends most to {what}: {value:.2f} {chance}"
    return [line + _rise(curves, over_training.key, site, head)]


def _rise(curves: Curves, measure: str, site: Site, head: int) -> str:
    points = curves.heads.get(measure, {}).get(site, {}).get(head, [])
    if len(points) < 3:
        return ""
    rises = [after[1] - before[1] for before, after in pairwise(points)]
    place = int(np.argmax(rises))
    if rises[place] <= 0:
        return ""
    (before, low), (after, high) = points[place : place + 2]
    return f"; it rose most between steps {before:.0f} and {after:.0f}, from {low:.2f} to {high:.2f}"


def _sinks(score: Score | None) -> list[str]:
    if score is None:
        return []
    heads = [
        (value > SINK_THRESHOLD, float(score.null[site][head]))
        for site, head, value in all_heads(score.values)
        if site[0] in ("encoder", "decoder") and np.isfinite(value)
    ]
    if not heads or min(null for _, null in heads) > SINK_THRESHOLD:
        return []
    n_sinks, null = sum(sink for sink, _ in heads), np.mean([null for _, null in heads])
    told = f"(above {SINK_THRESHOLD}; uniform attention {null:.2f})"
    return [f"{n_sinks} of {len(heads)} heads attend to the first key as to a sink {told}"]


def _needed(scores: HeadScores) -> list[str]:
    score = scores.scores.get(registry.ABLATION.key)
    if score is None or scores.loss is None:
        return []
    heads = [each for each in all_heads(score.values) if np.isfinite(each[2])]
    site, head, change = max(heads, key=lambda each: each[2])
    by_chance = np.mean([abs(value) for _, _, value in all_heads(score.null)])
    lines = [
        f"without {head_name(site, head)} the loss rises most: {scores.loss:.3f} to"
        f" {scores.loss + change:.3f} (random weights: {by_chance:.4f} in the mean)"
    ]
    dead = [head_name(site, head) for site, head, value in heads if abs(value) < DEAD_IMPORTANCE]
    if dead:
        named = ", ".join(dead[:6]) + (", ..." if len(dead) > 6 else "")
        lines.append(
            f"{len(dead)} of {len(heads)} heads change the loss by less than {DEAD_IMPORTANCE:g}: {named}"
        )
    else:
        lines.append(
            f"each of {len(heads)} heads changes the loss by {DEAD_IMPORTANCE:g} at least: none is dead"
        )
    return lines
