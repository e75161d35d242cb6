"""Runs on documents: packed behind one another, or each read as if it were alone."""

import math
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

import tuneformer
from tests.small_data import write_json_lines
from tests.training.conftest import TrainHere, assert_same_run
from tuneformer.checks.config import checked_config
from tuneformer.data.tokenizers.document_tokenizer import SHOWN_AS, DocumentTokenizer
from tuneformer.inference.evaluation import evaluate, prepare_again
from tuneformer.runs.identity import config_hash, determining
from tuneformer.training.callbacks.run_metrics import RunMetrics

BEFORE = "5b391d02919b19d2"
"""The identity of a run on one text before documents could be told apart."""
CUT = "data.document_separator=lazy"


class StoppedError(Exception):
    """What ends a run in the middle of a step, in this process."""


@pytest.mark.parametrize(
    "changes",
    [
        ["data.documents=packed"],
        ["data.documents=separate"],
        ["data.documents=separate", "data.tokenizer=bpe", "data.bpe_vocab_size=280", "data.windows=passes"],
        ["data.documents=separate", "attention=sliding_window", "model.embedded_tokens=3"],
        ["data.documents=separate", "model=hf", "model.config=llama"],
    ],
)
def test_a_run_learns_documents_and_is_used_without_its_corpus(
    changes: list[str], small_settings: list[str], tmp_path: Path
) -> None:
    cache = f"data.cache_dir={tmp_path / 'cache'}"
    run = tuneformer.train([*small_settings, cache, CUT, *changes, f"run_dir={tmp_path / 'run'}"])
    tokenizer, final = run.tokenizer, run.record.final
    assert isinstance(tokenizer, DocumentTokenizer)
    start = tokenizer.document_start
    assert run.config["model"]["vocab_size"] == tokenizer.vocab_size == start + 1
    separate = "data.documents=separate" in changes
    assert run.config["model"]["document_start"] == (start if separate else None)
    held_out = prepare_again(run)[1].splits["validation"]  # pyright: ignore[reportAttributeAccessIssue]
    nats = final["val/loss"] * (held_out.n_tokens - 1)
    # the first token is not scored, and is no text: every byte is
    assert final["val/bits_per_byte"] == pytest.approx(nats / (held_out.n_bytes * math.log(2)))
    again = evaluate(run, split="validation", device=torch.device("cpu"))
    assert again["loss"] == pytest.approx(final["val/loss"])
    tokens = torch.from_numpy(tokenizer.encode_prompt("the fox"))
    with torch.no_grad():
        twice = run.model(torch.cat((tokens, tokens))[None])[0]
        assert torch.allclose(twice[len(tokens) :], run.model(tokens[None])[0], atol=1e-5) == separate
    assert tokenizer.decode(tokens) == f"{SHOWN_AS}the fox"
    assert tuneformer.train([f"run_dir={tmp_path / 'run'}", "logger=none"]).record.restarts == 0


def test_rows_are_documents(small_settings: list[str], tmp_path: Path) -> None:
    rows = write_json_lines(
        tmp_path / "rows.jsonl", [f"{number} foxes jump over a dog" for number in range(60)]
    )
    kept = [line for line in small_settings if not line.startswith("data")]
    of_rows = [
        "data=hf",
        f"data.path={rows}",
        "data.context_length=16",
        "data.batch_size=4",
        "data.held_out=0.2",
    ]
    place = [f"data.cache_dir={tmp_path / 'cache'}", f"run_dir={tmp_path / 'run'}"]
    run = tuneformer.train([*kept, *of_rows, *place, "data.documents=separate"])
    assert run.config["model"]["document_start"] == 256
    assert run.record.status == "finished"


def test_a_broken_run_goes_on_to_the_same_weights(
    tiny: list[str], train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = [*tiny, "data.documents=separate", "data.document_separator=e", "data.context_length=8"]
    train_here([*run, "run_dir=unbroken"])

    def breaks(_: RunMetrics, trainer: pl.Trainer, *__: object) -> None:
        if trainer.global_step == 17:
            raise StoppedError

    with monkeypatch.context() as broken:
        broken.setattr(RunMetrics, "on_train_batch_start", breaks, raising=False)
        with pytest.raises(StoppedError):
            train_here([*run, "run_dir=broken"])
    train_here([*run, "run_dir=broken"])
    assert_same_run(tmp_path / "unbroken", tmp_path / "broken")


def test_a_run_without_documents_is_what_it_was() -> None:
    def of(*changes: str) -> str:
        return config_hash(checked_config(["data=text", "data.path=x", *changes]))

    assert of() == BEFORE
    settings = determining(checked_config(["data=text", "data.path=x"]))
    assert not [path for path in settings if "document" in path]
    known = {of(), of("data.documents=packed"), of("data.documents=separate")}
    known.add(of("data.documents=packed", "data.document_separator=x"))
    assert len(known) == 4
