"""The sample that a run ends with."""

from pathlib import Path

import pytest
import torch

import tuneformer
from tests.training.conftest import Train, TrainHere
from tuneformer.errors import UserError
from tuneformer.inference.generation import generate
from tuneformer.models.decoder import Decoder
from tuneformer.models.finite_weights import check_finite_weights
from tuneformer.training.callbacks.sample import TextSample

SAMPLE = ["callbacks=default", "callbacks.sample.n_tokens=40", "callbacks.sample.top_k=5"]


def test_the_sample_is_what_the_final_weights_write_from_the_prompt(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    train_here([*tiny, *SAMPLE, "callbacks.sample.prompt=to be", "data.tokenizer=characters", "run_dir=run"])
    run = tuneformer.load_run(tmp_path / "run")
    assert isinstance(run.model, Decoder)
    again = generate(
        run.model,
        torch.from_numpy(run.tokenizer.encode("to be")),
        n_tokens=40,
        temperature=0.8,
        top_k=5,
        generator=torch.Generator().manual_seed(0),
    )
    written = (tmp_path / "run" / "sample.txt").read_text(encoding="utf-8")
    assert written == run.tokenizer.decode(list(again)).strip("\n") + "\n"
    assert len(written) > 10


def test_the_sample_is_shown_at_the_end_and_changes_no_weight(
    tiny: list[str], train_in_child: Train, train_here: TrainHere, tmp_path: Path
) -> None:
    ended = train_in_child([*tiny, *SAMPLE, "data.tokenizer=characters", "run_dir=with"])
    assert (tmp_path / "with" / "sample.txt").read_text(encoding="utf-8") in ended.output
    train_here([*tiny, "data.tokenizer=characters", "run_dir=without"])
    with_sample, without = (tuneformer.load_run(tmp_path / name) for name in ("with", "without"))
    assert with_sample.record.final["test/loss"] == without.record.final["test/loss"]
    for left, right in zip(with_sample.model.parameters(), without.model.parameters(), strict=True):
        assert torch.equal(left, right)


def test_a_run_whose_weights_are_not_finite_ends_without_a_sample(
    tiny: list[str],
    train_here: TrainHere,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(model: Decoder, *arguments: object, **settings: object) -> None:
        with torch.no_grad():
            model.get_parameter("blocks.0.attention.key.weight")[0, 0] = torch.nan
        check_finite_weights(model, of="the model")

    monkeypatch.setattr("tuneformer.training.callbacks.sample.generate", broken)
    train_here([*tiny, *SAMPLE, "run_dir=run"])
    assert tuneformer.load_run(tmp_path / "run").record.status == "finished"
    assert not (tmp_path / "run" / "sample.txt").exists()
    assert "no sample: the model has weights that are not finite" in capsys.readouterr().err


@pytest.mark.fast
def test_an_empty_prompt_is_refused_before_training() -> None:
    with pytest.raises(UserError, match=r"^callbacks\.sample\.prompt is empty: give at least one character"):
        TextSample(prompt="", n_tokens=3, temperature=1.0, top_k=None)
