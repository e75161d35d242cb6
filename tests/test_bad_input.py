import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[1]
CORES = os.cpu_count() or 1

Command = Callable[..., Any]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """What no run can be trained on, and experiment files with a mistake in each."""
    (tmp_path / "empty.txt").touch()
    (tmp_path / "short.txt").write_text("to be or not to be", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 " * 50)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "code.py").write_text("pass", encoding="utf-8")
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    for name, text in {
        "typo": "optimizer: {lrr: 0.1}",
        "nested": "callbacks: {checkpoints: {every_n_step: 5}}",
        "root": "sede: 1",
        "type": "model: {n_layers: two}",
    }.items():
        file = tmp_path / "mine" / "experiment" / f"{name}.yaml"
        file.write_text(f"# @package _global_\n{text}\n", encoding="utf-8")
    return tmp_path


CONFIG_DECIDES = [
    (
        ["optimizer._target_=torch.optim.None"],
        "optimizer._target_=torch.optim.None is not what optimizer=adamw stands for",
    ),
    (
        ["optimizer=adamx"],
        "optimizer=adamx is not an option (did you mean adam?); the options are adabelief, adafactor, adam,",
    ),
    (["optimizer.lrr=1"], "optimizer.lrr is not a setting: did you mean optimizer.lr?"),
    (["optimzer.lr=1"], "optimzer.lr is not a setting: did you mean optimizer.lr?"),
    (
        ["--config-dir=mine", "experiment=typo"],
        "optimizer.lrr is not a setting of optimizer=adamw: did you mean",
    ),
    (
        ["--config-dir=mine", "experiment=nested"],
        "callbacks.checkpoints.every_n_step is not a setting of callbacks=default: did you mean callbacks.",
    ),
    (
        ["--config-dir=mine", "experiment=root"],
        "sede is not a setting: did you mean seed? (in experiment/root.yaml)",
    ),
    (
        ["--config-dir=mine", "experiment=type"],
        "model.n_layers=two must be a whole number",
    ),
    (["--config-dir=mine", "experiment=typ"], "experiment=typ is not an option (did you mean ty"),
    (["optimizer.lr="], "optimizer.lr= must be a number"),
    (["optimizer="], "optimizer= is not a choice: write optimizer=<the name of an option>"),
    (["data=text"], "data.path is missing: data=text needs data.path=<value>"),
    (["optimizer.lr=fast"], "optimizer.lr=fast must be a number"),
    (["seed=x"], "seed=x must be a whole number"),
    (["model.bias=3"], "model.bias=3 must be true or false"),
    (["param_groups.layer_decay=0"], "param_groups.layer_decay=0 must be greater than 0 and at most 1"),
    (["param_groups.freeze=norm"], "param_groups.freeze=norm must be a list of names or null, such as [a,b]"),
    (["trainer.max_steps=1.5"], "trainer.max_steps=1.5 must be a whole number"),
    (
        ["scheduler.warmup=2000", "trainer.max_steps=1000"],
        "scheduler.warmup=2000 must be shorter than the run (trainer.max_steps=1000)",
    ),
    (
        ["data.documents=separate", "attention=retention"],
        "data.documents=separate does not go with attention=retention, whose state goes on from document to",
    ),
    (["data.documents=apart"], "data.documents=apart must be one of packed, separate, null (did you mean"),
    (
        ["data=pairs", "data.path=x", "data.documents=packed"],
        "data.documents is not a setting: there are batch_size",
    ),
    (["model.document_start=3"], "model.document_start=3 cannot be set: it follows from data"),
    (["model.size=huge"], "model.size=huge must be one of nano, tiny, small, gpt2, or null"),
    (["data=translation"], "model=decoder cannot do data.task=translation, only language_modelling"),
    (["model=vit"], "model=vit cannot do data.task=language_modelling, only image_classification"),
    (["experiment=translation", "data.label_smoothing=1"], "data.label_smoothing=1 must be"),
    (
        ["experiment=translation", "trainer.strategy=fsdp"],
        "trainer.strategy=fsdp does not go with data.task=",
    ),
    (["experiment=translation", "data.beam_size=0"], "data.beam_size=0 must be at least 1"),
    (
        ["experiment=translation", "model=lstm", "attention.qk_norm=true"],
        "attention.qk_norm has no place in a model without heads: leave it out, or choose a Transformer",
    ),
    (
        ["experiment=translation", "model=lstm_attention", "model.score=dot"],
        "model.score=dot must be one of additive, multiplicative",
    ),
    (["data=pairs", "model=lstm"], "data.path is missing: data=pairs needs data.path=<value>"),
    (["model.d_model=130"], "model.d_model=130 must be a multiple of model.n_heads=4"),
    (["model.d_model=36"], "model.positions=rope rotates pairs: the head dimension must be even, not 9"),
    (["model.context_length=64"], "data.context_length=128 must be at most model.context_length=64"),
    (["optimizer.lr=-1"], "optimizer.lr=-1 must be positive"),
    (["optimizer.lr=0"], "optimizer.lr=0 must be positive"),
    (["trainer.max_steps=0"], "trainer.max_steps=0 must be at least 1"),
    (["trainer.max_steps=-1"], "trainer.max_steps=-1 must be at least 1"),
    (["data.batch_size=0"], "data.batch_size=0 must be at least 1"),
    (["data.batch_size=-4"], "data.batch_size=-4 must be at least 1"),
    (["trainer.accelerator=gpux"], "trainer.accelerator=gpux must be one of auto, cpu, gpu, cuda, mps, tpu"),
    (
        ["trainer.accelerator=cpu", f"trainer.devices={CORES + 1}"],
        f"trainer.devices={CORES + 1} is more than the {CORES} CPU cores of this machine",
    ),
    (
        ["optimizer._target_=os.system"],
        "optimizer._target_=os.system is not what an optimizer may be: ",
    ),
    (["optimizer=adam,sgd"], "optimizer=adam,sgd has several values: add --multirun"),
    (["nonsense"], "nonsense is not an override: write setting=value"),
]

FILES_DECIDE = [
    (
        ["data=text", "data.path=none"],
        "data.path=none does not exist: give a UTF-8 text file or a folder of them",
    ),
    (["data=text", "data.path=empty.txt"], "data.path=empty.txt is empty: give a UTF-8 text file"),
    (
        ["data=text", "data.path=folder"],
        "data.path=folder is a folder without text: give one with .txt, .md or",
    ),
    (["data=text", "data.path=latin.txt"], "data.path=latin.txt is not UTF-8 (first wrong byte at offset 3)"),
    (
        ["data=text", "data.path=short.txt"],
        "data.context_length=128 is too long for the train split of 16 tokens: at most 15, or give more text",
    ),
    (["data=text", "data.path=latin.txt", "run_dir=mine/run"], "data.path=latin.txt is not UTF-8"),
    (["run_dir=/proc/run"], "run_dir=/proc/run cannot be written to: "),
    (["run_dir=/sys/run"], "run_dir=/sys/run cannot be written to: "),
    (["run_dir=empty.txt"], "run_dir=empty.txt cannot be written to: File exists"),
    (
        ["data=text", "data.path=short.txt", "data.cache_dir=/proc/x"],
        "data.cache_dir=/proc/x cannot be written",
    ),
]

TORCH_DECIDES = [
    pytest.param(
        ["trainer.accelerator=gpu"],
        "trainer.accelerator=gpu trainer.devices=1 trainer.strategy=auto is not possible here: ",
        marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
    ),
    (
        ["trainer.accelerator=auto", f"trainer.devices={CORES + 1}", f"data.batch_size={CORES + 1}"],
        f"trainer.devices={CORES + 1} is more than the {CORES} CPU cores of this machine",
    ),
    (
        ["param_groups.freeze=[atention]"],
        "param_groups.freeze[0]=atention is found in no parameter: there are token_embedding.weight, blocks.",
    ),
    (
        ["param_groups.freeze=[.]"],
        "param_groups.freeze=[.] freezes the whole model, and nothing is left to train: its parts are",
    ),
    (["param_groups.freeze_layers=9"], "param_groups.freeze_layers=9 is more than the "),
]


def assert_one_line(answer: Any, expected: str) -> None:
    assert answer.err[0].startswith(f"error: {expected}")
    assert (answer.status, len(answer.err), answer.out) == (2, 1, [])
    runs = [path for path in Path("outputs").rglob("*") if path.parent.name in ("runs", "sweeps")]
    assert runs == []
    assert not Path("mine/run").exists()


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("arguments", "expected"), [*CONFIG_DECIDES, *FILES_DECIDE])
def test_bad_input_is_one_line_with_status_2_and_leaves_no_run(
    command: Command, arguments: list[str], expected: str
) -> None:
    assert_one_line(command("train.py", *arguments), expected)


@pytest.mark.parametrize(("arguments", "expected"), TORCH_DECIDES)
def test_bad_input_that_torch_must_find_is_one_line_too(
    command: Command, small_settings: list[str], arguments: list[str], expected: str
) -> None:
    assert_one_line(command("train.py", *small_settings, *arguments), expected)


def test_a_folder_without_permission_to_write_is_one_line(
    command: Command, small_settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/proc")
    answer = command("train.py", *small_settings)
    assert answer.status == 2
    assert len(answer.err) == 1
    assert answer.err[0].startswith("error: outputs/runs/")
    assert "cannot be written to: " in answer.err[0]
