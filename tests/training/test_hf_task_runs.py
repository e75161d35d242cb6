"""Runs of models of transformers that are no language models: broken, gone on with, loaded, used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from tests import small_data
from tests.models.hf.test_image_classifiers import STAGED
from tests.training.conftest import TrainHere, assert_same_run
from tuneformer import load_run
from tuneformer.data.languages import language_id
from tuneformer.inference.evaluation import evaluate
from tuneformer.inference.exporting import export
from tuneformer.models.hf.library import transformers
from tuneformer.runs.record import read_record
from tuneformer.training.callbacks.run_metrics import RunMetrics

SHORT = (
    *("logger=none", "callbacks=none", "scheduler.warmup=2", "trainer.threads=1", "trainer.max_steps=12"),
    *("trainer.val_check_interval=6", "trainer.log_every_n_steps=3", "callbacks.checkpoints.every_n_steps=5"),
    *("model=hf", "model.n_layers=2", "model.n_heads=2", "model.d_model=16", "data.batch_size=8"),
)


@pytest.fixture
def sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A short run that sorts sentences of three made-up languages."""
    catalogues = {
        f"django/conf/locale/{name}/LC_MESSAGES/django.mo": small_data.catalogue(
            small_data.sentences(letters)
        )
        for name, letters in small_data.LANGUAGES.items()
    }
    wheel = small_data.put_wheel(monkeypatch, tmp_path / "cache", language_id, catalogues)
    languages = f"data.languages=[{','.join(small_data.LANGUAGES)}]"
    return [*SHORT, "data=language_id", languages, "data.context_length=24", wheel]


@pytest.fixture
def pairs(tmp_path: Path) -> list[str]:
    """A short run that translates sentences of made-up words into the same backwards."""
    path = small_data.write_pairs(tmp_path / "pairs.tsv")
    of_data = [f"data.path={path}", f"data.cache_dir={tmp_path / 'cache'}", "data.bpe_vocab_size=280"]
    return [*SHORT, "data=pairs", *of_data, "data.context_length=48", "data.beam_size=2"]


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    """A short run that tells images that are bright above from the others."""
    folder = small_data.write_idx_folder(tmp_path / "idx")
    return [*SHORT, "data=idx", f"data.path={folder}", "model.keys.patch_size=4"]


TOKENS = torch.tensor([[5, 6, 7, 8]])


class BrokenError(Exception):
    """What ends a run in the middle of a step, in this process."""


@pytest.fixture
def train_broken(train_here: TrainHere, tmp_path: Path) -> Callable[[list[str]], Path]:
    """Train a run unbroken, and again with a break; return the first, the same as the second."""

    def breaks(_: RunMetrics, trainer: pl.Trainer, *__: object) -> None:
        if trainer.global_step == 8:
            raise BrokenError

    def train(run: list[str]) -> Path:
        train_here([*run, "run_dir=unbroken"])
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr(RunMetrics, "on_train_batch_start", breaks, raising=False)
            with pytest.raises(BrokenError):
                train_here([*run, "run_dir=broken"])
        train_here([*run, "run_dir=broken"])
        assert_same_run(tmp_path / "unbroken", tmp_path / "broken")
        return tmp_path / "unbroken"

    return train


def assert_evaluated_alike(path: Path) -> None:
    """The run that is loaded gives the figures that training itself measured."""
    found = evaluate(load_run(path), split="test", device=torch.device("cpu"))
    for name, value in read_record(path / "record.json").final.items():
        split, _, metric = name.partition("/")
        if split == "test":
            assert found[metric] == pytest.approx(value, rel=1e-4), name


def assert_analysed(command: Callable[..., Any], path: Path, heads: str) -> None:
    """The page of a run has its heads, each with what the loss is without it."""
    answer = command("scripts/analyze.py", str(path))
    assert answer.status == 0, answer.err
    assert answer.out[0].endswith(heads)

    assert "ablation" in (path / "analysis" / "heads.csv").read_text(encoding="utf-8")


def assert_exported(path: Path, auto: str, inputs: dict[str, torch.Tensor]) -> None:
    """The library loads what is exported of a run, with the same logits."""
    run, folder = load_run(path), path.with_name("exported")
    assert export(run, folder)[0].startswith("a folder of transformers: ")
    theirs = getattr(transformers(), auto).from_pretrained(folder)
    with torch.no_grad():
        network: Any = run.model.network
        torch.testing.assert_close(theirs(**inputs).logits, network(**inputs).logits)


def test_a_broken_run_of_an_encoder_goes_on_to_the_same_bits(
    sentences: list[str], train_broken: Callable[[list[str]], Path], command: Callable[..., Any]
) -> None:
    run = train_broken([*sentences, "model.config=bert", "model.dropout=0.1", "optimizer=muon"])
    assert_evaluated_alike(run)
    assert_analysed(command, run, "encoder 2 x 2")
    assert "[class]" in (run / "analysis" / "attention.html").read_text(encoding="utf-8")
    assert_exported(run, "AutoModelForSequenceClassification", {"input_ids": TOKENS})
    answer = command("scripts/generate.py", str(run), "--prompt", "abc")
    assert (answer.status, len(answer.err)) == (2, 1)


def test_a_broken_run_of_a_translator_goes_on_to_the_same_bits(
    pairs: list[str], train_broken: Callable[[list[str]], Path], command: Callable[..., Any]
) -> None:
    run = train_broken([*pairs, "model.config=t5", "model.dropout=0.1", "optimizer=muon"])
    assert_evaluated_alike(run)
    answer = command("scripts/generate.py", str(run), "--prompt", "abcde fghab")
    assert answer.status == 0, answer.err
    assert_analysed(command, run, "encoder 2 x 2, decoder 2 x 2, cross 2 x 2")
    assert_exported(run, "AutoModelForSeq2SeqLM", {"input_ids": TOKENS, "decoder_input_ids": TOKENS})


def test_a_broken_run_of_a_vision_transformer_goes_on_to_the_same_bits(
    images: list[str], train_broken: Callable[[list[str]], Path], command: Callable[..., Any]
) -> None:
    run = train_broken([*images, "model.config=vit", "model.dropout=0.1", "optimizer=muon"])
    assert_evaluated_alike(run)
    assert_analysed(command, run, "encoder 2 x 2")
    assert "[class]" in (run / "analysis" / "attention.html").read_text(encoding="utf-8")
    model: Any = load_run(run).model
    assert_exported(run, "AutoModelForImageClassification", model.tried_inputs())


@pytest.mark.parametrize(("name", "optimizer"), [("resnet", "adamw"), ("swin", "muon")])
def test_a_broken_run_of_stages_goes_on_to_the_same_bits_and_has_no_maps(
    name: str,
    optimizer: str,
    images: list[str],
    train_broken: Callable[[list[str]], Path],
    command: Callable[..., Any],
) -> None:
    of_stages = [each for each in images if not each.startswith("model.")]
    run = train_broken([*of_stages, f"model.config={name}", *STAGED[name], f"optimizer={optimizer}"])
    assert_evaluated_alike(run)
    answer = command("scripts/analyze.py", str(run))
    assert answer.status == 2
    assert answer.err == [f"error: {run} has no attention to look at: its model is {name}"]


@pytest.mark.proof
@pytest.mark.parametrize("name", ["bart", "m2m_100", "marian", "mbart", "pegasus"])
def test_other_translators_train(name: str, pairs: list[str], train_here: TrainHere, tmp_path: Path) -> None:
    longer = ["trainer.max_steps=60", "trainer.val_check_interval=60", "optimizer.lr=0.005"]
    train_here([*pairs, *longer, f"model.config={name}", "model.d_model=32", "run_dir=run"])
    record = read_record(tmp_path / "run" / "record.json")
    assert record.status == "finished"
    assert record.final["test/loss"] < 5.0  # log 281 is 5.64


@pytest.mark.proof
@pytest.mark.parametrize(("optimizer", "lr"), [("adamw", 0.005), ("muon", 0.02)])
@pytest.mark.parametrize("name", ["distilbert", "electra", "modernbert", "roberta", "gpt2", "deberta-v2"])
def test_other_classifiers_learn(
    name: str, optimizer: str, lr: float, sentences: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    longer = ["trainer.max_steps=100", "trainer.val_check_interval=100", f"optimizer.lr={lr}"]
    longer.append("model.d_model=64")
    train_here([*sentences, *longer, f"model.config={name}", f"optimizer={optimizer}", "run_dir=run"])
    record = read_record(tmp_path / "run" / "record.json")
    assert record.status == "finished"
    assert record.final["test/accuracy"] > 0.8
