"""The files beside the page, and the maps in it."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.report.attention_page.drawn import LOSS, decoder_analysis, drawn, text_example
from tuneformer.report.attention_page.blocks import decode, encode, fitting_mask
from tuneformer.report.attention_page.files import write_analysis
from tuneformer.report.attention_page.page_data import page_data

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("low", [0.0, -3.0])
@pytest.mark.parametrize("masked", [False, True])
def test_a_map_in_the_page_is_exact_to_1_255_of_its_largest_weight(low: float, masked: bool) -> None:
    maps = np.random.default_rng(0).uniform(low, 2.0, size=(3, 7, 5)).astype(np.float32)
    maps[1] *= 1e-4
    allowed = np.tri(7, 5, -1, dtype=bool) if masked else None
    maps = maps if allowed is None else maps * allowed
    mask = fitting_mask(maps, allowed)
    assert (mask is None) == (not masked)
    off = abs(decode(encode(maps, mask), maps.shape, mask) - maps).max(axis=(1, 2))
    assert (off <= abs(maps).max(axis=(1, 2)) / 255).all()
    assert (off > 0).all()
    nothing = np.zeros((1, 2, 2), dtype=np.float32)
    np.testing.assert_array_equal(decode(encode(nothing, None), nothing.shape, None), nothing)


def test_a_mask_that_something_shines_through_is_not_used() -> None:
    maps = np.ones((1, 3, 3), dtype=np.float32)
    assert fitting_mask(maps, np.tri(3, dtype=bool)) is None
    assert fitting_mask(maps, np.ones((3, 3), dtype=bool)) is None
    by_head = np.stack([np.eye(3, dtype=bool), np.eye(3, k=-1, dtype=bool)])
    mask = fitting_mask(np.tri(3)[None] * by_head, by_head)
    np.testing.assert_array_equal(mask, by_head.any(axis=0))


def test_the_csv_has_a_row_for_each_head_at_each_step(tmp_path: Path) -> None:
    analysis = decoder_analysis()
    file = write_analysis(tmp_path, [analysis], command="analyze")[2]
    with file.open(newline="", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    assert [*rows[0]] == ["step", "stack", "layer", "head", "entropy", "copying", "ablation", "loss_without"]
    assert len(rows) == 3 * 2 * 3
    for row in rows:
        step = next(step for step in analysis.steps if step.step == int(row["step"]))
        site, head = (row["stack"], int(row["layer"])), int(row["head"])
        assert float(row["entropy"]) == step.snapshot.heads["entropy"][site][head]
        if step is analysis.last:
            change = float(analysis.scores.scores["ablation"].values[site][head])
            assert float(row["loss_without"]) == pytest.approx(LOSS + change)
        else:
            assert row["copying"] == row["loss_without"] == ""


def test_the_json_has_the_maps_of_every_step_in_full(tmp_path: Path) -> None:
    first, second = decoder_analysis(), decoder_analysis(seed=1, name="second")
    file = write_analysis(tmp_path, [first, second], command="analyze")[1]
    runs = json.loads(file.read_text(encoding="utf-8"))["runs"]
    for analysis, run in zip((first, second), runs, strict=True):
        assert [*run["maps"]] == ["0", "100", "200"]
        for step in analysis.steps:
            written = run["maps"][str(step.step)]
            for kind in ("weights", "normed"):
                for (stack, layer), maps in getattr(step.snapshot, kind).items():
                    read = np.array(written[kind][f"{stack}.{layer}"], dtype=np.float32)
                    np.testing.assert_array_equal(read, maps.astype(np.float32))
            rolled = np.array(written["rollout"]["decoder"], dtype=np.float32)
            np.testing.assert_array_equal(rolled, step.rollout["decoder"])
        values = run["scores"]["copying"]["values"]["decoder.0"]
        assert values == analysis.scores.scores["copying"].values["decoder", 0].tolist()
        assert run["axes"]["decoder"]["keys"] == list(analysis.example.axes["decoder"].keys)


def test_where_maps_need_too_much_room_weighted_ones_are_of_the_last_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    analysis = decoder_analysis()
    everything = page_data([analysis])
    assert everything.notes == []
    assert [*everything.content["runs"][0]["maps"]["normed"]] == ["0", "100", "200"]
    monkeypatch.setattr("tuneformer.report.attention_page.page_data.MOST_BASE64", 100)
    less = page_data([analysis])
    assert [*less.content["runs"][0]["maps"]["normed"]] == ["200"]
    assert len(less.notes) == 1
    assert len(less.blocks) < len(everything.blocks)


@pytest.mark.proof
def test_a_large_model_over_ten_steps_fits_into_25_mb(tmp_path: Path) -> None:
    names = [f"token{i}" for i in range(256)]
    sites = {("decoder", layer): 12 for layer in range(12)}
    analysis = drawn(example=text_example(names), sites=sites, steps=range(0, 1000, 100))
    page = write_analysis(tmp_path, [analysis], command="analyze")[0]
    assert page.stat().st_size < 25_000_000
