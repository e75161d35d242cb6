"""Runs that go on from a translator of a folder in its own tokens."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

import tuneformer
from tests.data.pair_settings import write_pair_file
from tests.models.hf.translator_folders import of_library, write_translator
from tests.training.conftest import TrainHere, assert_same_run
from tests.training.test_hf_runs import BrokenError
from tuneformer import load_run
from tuneformer.inference.evaluation import evaluate
from tuneformer.inference.exporting import export
from tuneformer.inference.translating import translate
from tuneformer.models.hf.library import transformers
from tuneformer.tasks.translation_files import read_translations
from tuneformer.training.callbacks.run_metrics import RunMetrics


@pytest.fixture
def in_own_tokens(tmp_path: Path) -> list[str]:
    """The overrides of 12 steps on three hundred pairs in the tokens of a folder."""
    return [
        "data=pairs",
        f"data.path={write_pair_file(tmp_path / 'pairs.tsv')}",
        f"data.cache_dir={tmp_path / 'cache'}",
        f"data.tokenizer={tmp_path / 'theirs'}",
        "data.context_length=64",
        "data.batch_size=8",
        "data.beam_size=2",
        "callbacks=none",
        "callbacks.checkpoints.every_n_steps=7",
        "logger=none",
        "optimizer.lr=3e-2",
        "scheduler.warmup=3",
        "trainer.threads=1",
        "trainer.max_steps=12",
        "trainer.val_check_interval=6",
        "trainer.log_every_n_steps=1",
    ]


def test_a_broken_run_goes_on_improves_and_is_used_without_its_folder(
    in_own_tokens: list[str], train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_translator(tmp_path / "theirs", "t5")
    run = [*in_own_tokens, "model=hf", f"model.path={folder}", "model.dropout=0.1"]
    train_here([*run, "run_dir=unbroken"])

    def breaks(_: RunMetrics, trainer: pl.Trainer, *__: object) -> None:
        if trainer.global_step == 9:
            raise BrokenError

    with monkeypatch.context() as broken:
        broken.setattr(RunMetrics, "on_train_batch_start", breaks, raising=False)
        with pytest.raises(BrokenError):
            train_here([*run, "run_dir=broken"])
    train_here([*run, "run_dir=broken"])
    assert_same_run(tmp_path / "unbroken", tmp_path / "broken")

    loaded = load_run(tmp_path / "unbroken")
    assert loaded.record.final["val/loss"] < 0.9 * loaded.metrics["train/loss"][1]
    assert evaluate(loaded, split="test", device=torch.device("cpu")) == pytest.approx(
        {name.removeprefix("test/"): value for name, value in loaded.record.final.items() if "test/" in name}
    )
    lines = (tmp_path / "pairs.tsv").read_text(encoding="utf-8").splitlines()
    rows = read_translations(tmp_path / "unbroken" / "translations.tsv")
    assert all(f"{row.source}\t{row.reference}" in lines for row in rows)

    said = translate(loaded, "the fan is on")
    assert "</s>" not in said
    export(loaded, tmp_path / "exported")
    (folder / "tokenizer.json").unlink()
    (folder / "model.safetensors").unlink()
    assert translate(load_run(tmp_path / "unbroken"), "the fan is on") == said
    library: Any = transformers()
    tokenizer = library.AutoTokenizer.from_pretrained(tmp_path / "exported")
    theirs = library.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "exported")
    read = tokenizer(["the fan is on"], return_tensors="pt")
    assert torch.equal(read.input_ids, of_library(tmp_path / "exported", ["the fan is on"]).input_ids)
    written = theirs.generate(
        input_ids=read.input_ids,
        max_new_tokens=int(2 * read.input_ids.shape[1] + 10),
        num_beams=2,
        length_penalty=0.0,
    )
    assert tokenizer.eos_token == "</s>"
    assert isinstance(tokenizer.decode(written[0], skip_special_tokens=True), str)


@pytest.mark.parametrize("model", ["encoder_decoder", "lstm_attention"])
def test_our_own_families_translate_in_the_tokens_of_a_folder(
    model: str, in_own_tokens: list[str], tmp_path: Path, command: Callable[..., Any]
) -> None:
    folder = write_translator(tmp_path / "theirs", "bart")
    sizes = [f"model={model}", "model.n_layers=1", "model.d_model=16"]
    run = tuneformer.train([*in_own_tokens, *sizes, f"run_dir={tmp_path / 'run'}"])
    assert run.config["model"]["vocab_size"] == run.tokenizer.vocab_size == run.config["data"]["vocab_size"]
    assert run.config["data"]["end_token"] == 2
    assert run.record.final["val/loss"] < run.metrics["train/loss"][1]
    assert folder.is_dir()
    assert "<" not in translate(run, "the fan is on")
    (folder / "tokenizer.json").unlink()
    answer = command("scripts/analyze.py", str(run.path), "--text", "the fan is on")
    assert answer.status == 0, answer.err
    assert "[end]" in (run.path / "analysis" / "attention.html").read_text(encoding="utf-8")
