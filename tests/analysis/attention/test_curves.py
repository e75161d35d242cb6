"""Curves from metrics.csv, and from snapshots where it has none."""

import math

import numpy as np
import pytest

from tuneformer.analysis.attention.curves import read_curves
from tuneformer.runs.probe_files import ProbeSnapshot

pytestmark = pytest.mark.fast

SNAPSHOT = ProbeSnapshot(
    step=7,
    weights={},
    heads={
        "entropy": {("decoder", 0): np.array([0.1, math.nan])},
        "sink_rate": {("decoder", 0): np.array([0.5, 0.6])},
    },
)


def test_columns_of_heads_become_curves_without_their_gaps() -> None:
    metrics = {
        "train/loss": {10: 3.0, 20: 2.0, 30: 1.0},
        "val/loss": {20: 2.5, 30: math.inf},
        "attention/decoder.0.1/entropy": {10: 0.9, 20: math.nan, 30: 0.7},
    }
    curves = read_curves(metrics, [SNAPSHOT])
    assert curves.losses == {"train/loss": [(10, 3), (20, 2), (30, 1)], "val/loss": [(20, 2.5)]}
    assert curves.heads["entropy"] == {("decoder", 0): {1: [(10, 0.9), (30, 0.7)]}}
    assert curves.heads["sink_rate"]["decoder", 0] == {0: [(7, 0.5)], 1: [(7, 0.6)]}


def test_without_metrics_the_snapshots_are_the_curves() -> None:
    assert read_curves({}, [SNAPSHOT]).heads["entropy"]["decoder", 0] == {0: [(7, 0.1)], 1: []}
