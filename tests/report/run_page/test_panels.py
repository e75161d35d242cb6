"""Which curves stand on one axis."""

import math

import pytest

from tuneformer.report.run_page.panels import MOST_POINTS, Points, panels, thinned

pytestmark = pytest.mark.fast


def line(*values: float) -> Points:
    return [(10 * (i + 1), value) for i, value in enumerate(values)]


def test_curves_stand_by_what_they_measure() -> None:
    columns = {
        "train/loss": line(4.0, 3.0),
        "val/loss": line(4.5, 3.5),
        "lr/a": line(0.1, 0.2),
        "lr/b": line(0.1, 0.2),
        "weight_decay/a": line(0.1, 0.1),
        "grad_norm": line(1.0, 100.0),
        "grad_norm/decoder.0": line(1.0, 2.0),
        "throughput/tokens_per_second": line(5.0, 6.0),
        "val/bleu": line(3.0),
    }
    made = {
        panel.key: panel for panel in panels(columns, {"loss": "nats", "bleu": ""}, {"bigram model": 2.5})
    }
    assert list(made) == ["loss", "lr", "gradient", "speed"]
    loss = made["loss"]
    assert (loss.unit, [*loss.curves], loss.levels) == (
        "nats",
        ["training", "validation"],
        {"bigram model": 2.5},
    )
    assert [*made["lr"].curves] == ["all groups"]
    assert (made["gradient"].log, [*made["gradient"].curves]) == (True, ["before clipping"])
    assert not made["lr"].levels


def test_groups_that_differ_keep_their_names() -> None:
    (panel,) = panels({"lr/a": line(1, 2), "lr/b": line(1, 2), "lr/c": line(2, 3)}, {}, {})
    assert {name: points[0][1] for name, points in panel.curves.items()} == {"a, b": 1, "c": 2}


def test_what_is_thinned_keeps_its_ends_and_every_spike() -> None:
    points = [(step, math.sin(step / 50)) for step in range(20_000)]
    points[7_777] = (7_777, 40.0)
    points[13] = (13, -40.0)
    kept = thinned(points)
    assert len(kept) <= MOST_POINTS
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert {points[7_777], points[13]} <= {*kept}
    assert kept == sorted(kept)
    assert thinned(points[:100]) == points[:100]
