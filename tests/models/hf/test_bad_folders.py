"""Models and folders that cannot be trained: one line, status 2, and no run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from tests.data.pair_settings import write_pair_file
from tests.models.hf.models import model_of
from tests.models.hf.translator_folders import write_tokenizer
from tests.test_bad_input import assert_one_line

Command = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A causal language model of 40 tokens and two layers, with a tokenizer of more."""
    model_of("llama", "data.context_length=64").network.save_pretrained(tmp_path / "theirs")
    write_tokenizer(tmp_path / "theirs", "bart")
    return tmp_path / "theirs"


@pytest.fixture
def on_text(small_settings: list[str]) -> list[str]:
    """The smallest run, without sizes of a model."""
    return [*(each for each in small_settings if not each.startswith("model.")), "model=hf"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["model.config=lama"], "model.config=lama is no architecture of transformers: did you mean llama"),
        (["model.config=vit"], "model.config=vit is no causal language model of transformers: it is a class"),
        (["model.config=nowhere/config.json"], "model.config=nowhere/config.json does not exist"),
        (
            ["model.path=models/smol"],
            "model.path=models/smol is no folder; a model on the hub is model.path=hu",
        ),
        (["model.path=hub:"], "model.path=hub: cannot be fetched: "),
        (["model.path=hub:no such/name"], "model.path=hub:no such/name cannot be fetched: "),
        (["model.path=hub:somebody/gone"], "model.path=hub:somebody/gone cannot be fetched: no route"),
    ],
)
def test_a_name_of_nothing(
    arguments: list[str], expected: str, on_text: list[str], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = huggingface_hub.snapshot_download

    def download(name: str, **how: Any) -> str:
        if name == "somebody/gone":
            raise ConnectionError("no route to the hub\nsecond line")
        return real(name, **how)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert_one_line(command("train.py", *on_text, *arguments), expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"vocab_size": 41}, " does not fit its config.json: "),
        (
            {"intermediate_size": 24},
            " does not fit its config.json: model.layers.0.mlp.down_proj.weight is [",
        ),
        ({"num_hidden_layers": 3}, " has no weights of model.layers.2."),
        ({"hidden_size": 33}, " cannot be built: "),
        ({"model_type": "lama"}, ": model_type=lama is no architecture of transformers: did you mean llama"),
    ],
)
def test_weights_that_are_not_those_of_the_configuration(
    changes: dict[str, Any],
    expected: str,
    folder: Path,
    on_text: list[str],
    command: Command,
) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | changes), encoding="utf-8")
    small = ["data.tokenizer=characters", f"model.path={folder}"]
    assert_one_line(command("train.py", *on_text, *small), f"model.path={folder}{expected}")


def test_files_that_are_missing_or_damaged(folder: Path, on_text: list[str], command: Command) -> None:
    small = [*on_text, "data.tokenizer=characters", f"model.path={folder}"]
    assert_one_line(
        command("train.py", *small, "model.gguf_file=x.gguf"), "model.gguf_file=x.gguf is no file of"
    )
    (folder / "x.gguf").write_bytes(b"GGUF" + b"\0" * 40)
    assert_one_line(
        command("train.py", *small, "model.gguf_file=x.gguf"), "model.gguf_file=x.gguf cannot be read: "
    )
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:100])
    assert_one_line(command("train.py", *small), f"model.path={folder} cannot be built: SafetensorError: ")
    (folder / "model.safetensors").unlink()
    assert_one_line(command("train.py", *small), f"model.path={folder} holds no weights (*.safetensors): ")
    (folder / "config.json").write_text("{", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(whole)
    assert_one_line(command("train.py", *small), f"{folder / 'config.json'} ")
    (folder / "config.json").unlink()
    assert_one_line(
        command("train.py", *small), f"model.path={folder} holds no config.json: it is no model of"
    )


def test_a_tokenizer_beyond_the_vocabulary(folder: Path, on_text: list[str], command: Command) -> None:
    answer = command("train.py", *on_text, f"data.tokenizer={folder}", f"model.path={folder}")
    assert_one_line(answer, "data.vocab_size=60 is more than the 40 tokens that model.path=")


@pytest.mark.parametrize(
    ("data", "what"),
    [("digits", "classifier of images"), ("pairs", "model from sequence to sequence")],
)
def test_a_task_that_the_class_cannot_do(
    data: str, what: str, folder: Path, command: Command, tmp_path: Path
) -> None:
    write_pair_file(tmp_path / "pairs.tsv")
    of_data = [f"data={data}", "logger=none", "callbacks=none", "data.batch_size=4", f"model.path={folder}"]
    of_data += [f"data.path={tmp_path / 'pairs.tsv'}", "data.bpe_vocab_size=280"] * (data == "pairs")
    answer = command("train.py", *of_data, "model=hf")
    assert_one_line(
        answer, f"model.path={folder}: model_type=llama is no {what} of transformers: it is a causal"
    )
