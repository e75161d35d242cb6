"""What is analysed of runs of every family, and of runs of which something is missing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.progress import Progress

from tests.analysis.attention.planted import DATA, INPUTS, TOKENS, entropies, plant
from tuneformer.analysis.attention.analysis import AttentionAnalysis, analyse
from tuneformer.data.tokenizers.plain_tokenizers import ByteTokenizer
from tuneformer.errors import UserError
from tuneformer.inference.loading import load
from tuneformer.inference.translating import translate
from tuneformer.measures.attention_graph import rollout
from tuneformer.runs.probe_files import read_snapshot, snapshots_in, write_snapshot

FAMILIES = [family for family in DATA if family != "lstm"]


def analysed(path: Path, *, text: str | None = None) -> AttentionAnalysis:
    return analyse(path, checkpoint="last", text=text, examples=2, progress=Progress(disable=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_shown_over_its_steps_without_its_data(family: str, tmp_path: Path) -> None:
    run = plant(tmp_path / "run", family)
    analysis = analysed(run)
    assert [(step.step, step.from_checkpoint) for step in analysis.steps] == [
        (0, False),
        (10, False),
        (20, True),
    ]
    assert any("measured on the example of the snapshots alone" in note for note in analysis.notes)
    for step in analysis.steps:
        for site, weights in step.snapshot.weights.items():
            axes = analysis.example.axes[site[0]]
            assert weights.shape[1:] == (len(axes.queries), len(axes.keys))
    for step, file in zip(analysis.steps, snapshots_in(run), strict=False):
        for site, weights in read_snapshot(file).weights.items():
            rows, columns = step.snapshot.weights[site].shape[1:]
            np.testing.assert_array_equal(step.snapshot.weights[site], weights[:, :rows, :columns])


def test_padding_is_not_shown(tmp_path: Path) -> None:
    analysis = analysed(plant(tmp_path / "run", "encoder_decoder"))
    axes = analysis.example.axes
    n_source, n_target = 6, 5  # five tokens, one of which begins the target
    sizes = {stack: (len(each.queries), len(each.keys)) for stack, each in axes.items()}
    assert sizes == {
        "encoder": (n_source, n_source),
        "decoder": (n_target, n_target),
        "cross": (n_target, n_source),
    }
    following = axes["decoder"].following
    assert following is not None
    assert following[:-1] == axes["decoder"].queries[1:]
    for weights in analysis.last.snapshot.weights.values():
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)


def test_the_checkpoint_is_looked_at_as_a_snapshot_is(tmp_path: Path) -> None:
    run = plant(tmp_path / "run", "decoder", steps=(0, 20))
    analysis = analysed(run)
    here, there = analysis.last.snapshot, read_snapshot(snapshots_in(run)[-1])
    for site, weights in here.weights.items():
        np.testing.assert_allclose(weights, there.weights[site], atol=1e-6)
        expected = entropies(weights, here.allowed[site])
        np.testing.assert_allclose(analysis.scores.scores["entropy"].values[site], expected, rtol=1e-4)
        np.testing.assert_allclose(analysis.scores.scores["entropy"].null[site], 1, rtol=1e-5)
    layers = [torch.from_numpy(here.weights["decoder", layer])[None] for layer in (0, 1)]
    np.testing.assert_allclose(analysis.last.rollout["decoder"], rollout(layers)[0], rtol=1e-5)


def test_without_snapshots_every_checkpoint_that_was_kept_is_a_step(tmp_path: Path, small_run) -> None:
    run = small_run.path
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    earlier = {name: 2 * weight for name, weight in last["state_dict"].items()}
    kept = run / "checkpoints" / "step_1.ckpt"
    torch.save({"state_dict": earlier, "global_step": 1}, kept)
    try:
        analysis = analysed(run)
    finally:
        kept.unlink()
    assert [step.step for step in analysis.steps] == [1, small_run.step]
    maps = [step.snapshot.weights["decoder", 0] for step in analysis.steps]
    assert abs(maps[0] - maps[1]).max() > 1e-3
    again = analysed(run)
    np.testing.assert_array_equal(again.last.snapshot.weights["decoder", 0], maps[1])


def test_a_run_of_text_is_measured_on_validation_and_knows_its_loss(small_run) -> None:
    analysis = analysed(small_run.path)
    assert analysis.measured_on == "2 examples of validation, the first"
    assert analysis.notes == ()
    assert analysis.scores.loss is not None
    guesses, probabilities = analysis.guesses or ((), ())
    assert len(guesses) == len(analysis.example.axes["decoder"].queries)
    assert all(0 < p < 1 for p in probabilities)
    lens = analysis.layers["decoder"]["lens_loss"]
    assert lens[-1] == pytest.approx(analysis.scores.loss, rel=1e-5)


def test_a_text_is_read_by_the_tokenizer_of_the_run_and_cut_to_its_context(small_run) -> None:
    analysis = analysed(small_run.path, text="the fox")
    assert "".join(analysis.example.axes["decoder"].queries) == "the fox"
    assert analysis.measured_on == "the text given"
    longer = analysed(small_run.path, text="the quick brown fox jumps")
    assert "".join(longer.example.axes["decoder"].queries) == "the quick brown "
    assert any("--text has 25 tokens: only the first 16 are read" in note for note in longer.notes)
    with pytest.raises(UserError, match="give at least 2"):
        analysed(small_run.path, text="a")


def test_a_sentence_is_shown_with_its_translation_by_the_model(tmp_path: Path) -> None:
    tokenizer = ByteTokenizer()
    run = plant(tmp_path / "run", "encoder_decoder", tokenizer=tokenizer, vocab_size=257, steps=())
    analysis = analysed(run, text="to be")
    axes = analysis.example.axes["cross"]
    assert axes.keys == (*"to be", "[end]")
    assert axes.queries[0] == "[begin]"
    written = translate(load(run, checkpoint="last"), "to be")
    n_written = len(tokenizer.encode(written)) if "\ufffd" not in written else len(axes.queries) - 1
    assert len(axes.queries) == n_written + 1
    assert analysis.scores.loss is not None
    with pytest.raises(UserError, match="--text has 26 tokens: give at most 11"):
        analysed(run, text="to be or not to be: that i")


def test_without_a_checkpoint_the_snapshots_are_shown_and_it_is_said(tmp_path: Path) -> None:
    run = plant(tmp_path / "run", "decoder", last=None)
    analysis = analysed(run)
    assert [step.step for step in analysis.steps] == [0, 10]
    assert analysis.scores.scores == {}
    assert any(note.startswith("there is no checkpoint") for note in analysis.notes)
    assert analysis.curves.heads["entropy"]["decoder", 1][0][0][0] == 0
    with pytest.raises(UserError, match="no checkpoint that could read --text"):
        analysed(run, text="abc")


def test_a_damaged_snapshot_is_named_and_left_out(tmp_path: Path) -> None:
    run = plant(tmp_path / "run", "decoder")
    file = snapshots_in(run)[0]
    file.write_bytes(file.read_bytes()[:200])
    analysis = analysed(run)
    assert [step.step for step in analysis.steps] == [10, 20]
    (note,) = [note for note in analysis.notes if "step_0.npz" in note]
    assert note.startswith("left out: ")


def test_snapshots_that_do_not_go_with_the_others_are_named_and_left_out(tmp_path: Path) -> None:
    run = plant(tmp_path / "run", "decoder", steps=(0, 5, 10, 30))
    first, second, *_ = (read_snapshot(file) for file in snapshots_in(run))
    write_snapshot(run, replace(first, inputs={}))
    shorter = {site: weights[:, 1:, 1:] for site, weights in second.weights.items()}
    write_snapshot(run, replace(second, weights=shorter, normed={}, allowed={}))
    analysis = analysed(run)
    assert [step.step for step in analysis.steps] == [10, 20]
    text = "\n".join(analysis.notes)
    assert "step_0.npz does not say what the model was given" in text
    assert "the snapshot of step 5 has maps of other shapes" in text
    assert "snapshots after step 20, that of the checkpoint" in text


def test_what_cannot_be_looked_at_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"neither checkpoints/last.ckpt nor probes/"):
        analysed(plant(tmp_path / "empty", "decoder", steps=(), last=None))
    with pytest.raises(UserError, match="has no attention to look at: its model is lstm"):
        analysed(plant(tmp_path / "lstm", "lstm", steps=()))
    with pytest.raises(UserError, match="--text has no meaning"):
        analysed(plant(tmp_path / "vit", "vit"), text="a picture")


def test_an_example_of_tokens_that_are_no_text_is_shown_by_numbers(tmp_path: Path) -> None:
    analysis = analysed(plant(tmp_path / "run", "decoder"))
    assert list(analysis.example.axes["decoder"].keys) == [str(token) for token in TOKENS[0].tolist()]


def test_patches_have_no_order(tmp_path: Path) -> None:
    analysis = analysed(plant(tmp_path / "run", "vit", pooling="first"))
    assert analysis.example.axes["encoder"].queries[:2] == ("[class]", "patch 1,1")
    image = analysis.example.image
    assert image is not None
    np.testing.assert_array_equal(image.pixels, INPUTS["vit"][0][0].numpy())
    for measured in (analysis.scores.scores, analysis.steps[0].snapshot.heads, analysis.curves.heads):
        assert "sink_rate" in measured
        assert "mean_distance" not in measured
