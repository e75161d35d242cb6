import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf

import tuneformer
from tuneformer.errors import UserError
from tuneformer.inference.loading import Run, load_checkpoint
from tuneformer.runs.record import FORMAT


def test_a_loaded_run_has_what_its_directory_holds(small_run: Run) -> None:
    record = json.loads((small_run.path / "record.json").read_text(encoding="utf-8"))
    assert {"format": FORMAT, **vars(small_run.record)} == record
    assert small_run.record.options["model"] == "decoder"
    assert small_run.config["model"]["d_model"] == 16
    assert small_run.config["data"]["vocab_size"] == small_run.tokenizer.vocab_size == 256
    assert small_run.step == record["steps"] == 3
    assert list(small_run.metrics["train/loss"]) == [1, 2, 3]
    assert list(small_run.metrics["val/loss"]) == [2, 3]
    assert small_run.metrics["val/loss"][3] == record["metrics"]["final"]["val/loss"]
    assert not small_run.model.training


def test_the_guide_reads_the_curve_of_a_run_as_it_says(small_run: Run) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guide-training.md").read_text(encoding="utf-8")
    (example,) = (
        part for part in re.findall(r"```python\n(.*?)```", guide, re.DOTALL) if "run.metrics[" in part
    )
    told: dict[str, Any] = {"run": small_run}
    exec(example, told)
    record = small_run.record
    assert told["losses"][told["best_step"]] == record.best["val/loss"]
    assert (told["last_step"], told["last_loss"]) == (3, record.final["val/loss"])
    assert (told["steps"], told["values"][1]) == ([2, 3], told["last_loss"])


def test_a_loaded_model_has_the_validation_loss_of_its_record(small_run: Run, small_text: Path) -> None:
    text = small_text.read_text(encoding="utf-8")
    held_out = torch.tensor(list(text[int(0.9 * len(text)) :].encode()))
    context = small_run.config["data"]["context_length"]
    nats = 0.0
    with torch.no_grad():
        for start in range(0, len(held_out) - 1, context):
            window = held_out[start : start + context + 1]
            logits = small_run.model(window[None, :-1])
            nats += float(F.cross_entropy(logits[0].double(), window[1:], reduction="sum"))
    expected = small_run.record.final["val/loss"]
    assert nats / (len(held_out) - 1) == pytest.approx(expected, abs=1e-6)


def test_the_best_checkpoint_holds_the_weights_of_the_lowest_validation_loss(small_run: Run) -> None:
    best = tuneformer.load_run(small_run.path, checkpoint="best")
    assert best.step == small_run.record.best["step"]
    assert best.path == tuneformer.load_run(str(small_run.path)).path


@pytest.fixture
def copy(small_run: Run, tmp_path: Path) -> Path:
    return shutil.copytree(small_run.path, tmp_path / "copy")


def change_width(run: Path) -> None:
    config = OmegaConf.load(run / "config.yaml")
    config.model.d_model = 32
    OmegaConf.save(config, run / "config.yaml")


def truncate(run: Path) -> None:
    content = (run / "checkpoints/last.ckpt").read_bytes()
    (run / "checkpoints/last.ckpt").write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda run: (run / "record.json").unlink(), "{run} holds no run: it has no record.json"),
        (lambda run: (run / "record.json").write_text("{"), "{run}/record.json cannot be read: "),
        (lambda run: (run / "config.yaml").unlink(), "{run}/config.yaml cannot be read: "),
        (lambda run: (run / "config.yaml").write_text("a: ["), "{run}/config.yaml cannot be read: "),
        (lambda run: (run / "config.yaml").write_text("a: 3"), "{run}/config.yaml is damaged: "),
        (lambda run: (run / "tokenizer.json").unlink(), "{run}/tokenizer.json cannot be read: "),
        (lambda run: (run / "tokenizer.json").write_text("{}"), "{run}/tokenizer.json cannot be read: "),
        (
            lambda run: (run / "metrics.csv").write_text("step\na\n"),
            "{run}/metrics.csv is damaged at line 2: ",
        ),
        (
            lambda run: (run / "checkpoints/last.ckpt").unlink(),
            "{run}/checkpoints/last.ckpt does not exist, but best.ckpt does: choose checkpoint=best",
        ),
        (
            lambda run: shutil.rmtree(run / "checkpoints"),
            "{run}/checkpoints/last.ckpt does not exist: {run}/checkpoints holds no checkpoint",
        ),
        (truncate, "{run}/checkpoints/last.ckpt is damaged: "),
        (
            lambda run: (run / "checkpoints/last.ckpt").write_bytes(b""),
            "{run}/checkpoints/last.ckpt is damaged: ",
        ),
        (
            lambda run: (run / "checkpoints/last.ckpt").write_text("no"),
            "{run}/checkpoints/last.ckpt is damaged: ",
        ),
        (
            lambda run: torch.save({"a": 1}, run / "checkpoints/last.ckpt"),
            "{run}/checkpoints/last.ckpt is damaged: it is not the checkpoint of a run",
        ),
        (
            change_width,
            "{run}/checkpoints/last.ckpt does not fit the model of config.yaml: size mismatch for ",
        ),
        (shutil.rmtree, "{run} is not a folder: give a run directory"),
    ],
)
def test_what_is_missing_or_damaged_is_one_line_with_its_name(
    copy: Path, damage: Callable[[Path], object], expected: str
) -> None:
    damage(copy)
    with pytest.raises(UserError) as error:
        tuneformer.load_run(copy)
    assert str(error.value).startswith(expected.format(run=copy))
    assert "\n" not in str(error.value)


def test_a_run_without_metrics_yet_can_be_loaded(copy: Path) -> None:
    (copy / "metrics.csv").unlink()
    assert tuneformer.load_run(copy).metrics == {}


def test_a_checkpoint_of_another_name_is_refused(small_run: Run) -> None:
    with pytest.raises(UserError, match=r"^checkpoint=first must be one of last, best$"):
        tuneformer.load_run(small_run.path, checkpoint="first")


def test_a_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return Path.touch, (str(tmp_path / "harmed"),)

    torch.save({"state_dict": Harm(), "global_step": 1}, tmp_path / "bad.ckpt")
    with pytest.raises(UserError, match="is damaged"):
        load_checkpoint(tmp_path / "bad.ckpt")
    assert not (tmp_path / "harmed").exists()


def test_what_a_run_says_of_itself_obeys_no_control_character(small_run: Run) -> None:
    record = replace(
        small_run.record,
        options={"model": "decoder\x1b[31m"},
        data={**small_run.record.data, "unit": "tok\nens"},
        metrics={"final": {"val/loss\x07": 1.0}, "best": {}},
    )
    said = str(replace(small_run, record=record, path=Path("run\x1b]0;x")))
    assert len(said.splitlines()) == 5
    assert said.replace("\n", "").isprintable()


def test_a_run_says_in_five_lines_what_it_is(small_run: Run) -> None:
    path, model, task, options, metrics = str(small_run).splitlines()
    assert path == f"{small_run.path}: finished, step 3"
    assert model.startswith("model: Decoder, ")
    assert task == "task: language_modelling, 192 tokens seen"
    assert "optimizer=adamw" in options
    assert f"val/loss {small_run.record.final['val/loss']:.4f}" in metrics
