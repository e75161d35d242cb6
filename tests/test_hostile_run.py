"""Run directories of strangers: every fault is one line that names the file, and none is acted upon."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import tuneformer
from tuneformer.errors import UserError
from tuneformer.inference.loading import Run

Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def original(small_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(small_run.path, tmp_path_factory.mktemp("hostile") / "original")


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "copy")


def setting(path: str, value: Any) -> Damage:
    def damage(run: Path) -> None:
        config = node = yaml.safe_load((run / "config.yaml").read_text())
        *outer, last = path.split(".")
        for key in outer:
            node = node[key]
        node[last] = value
        (run / "config.yaml").write_text(yaml.safe_dump(config))

    return damage


def field(name: str, value: Any) -> Damage:
    def damage(run: Path) -> None:
        record = json.loads((run / "record.json").read_text())
        (run / "record.json").write_text(json.dumps(record | {name: value}))

    return damage


def written(name: str, content: str) -> Damage:
    return lambda run: (run / name).write_text(content)


def pipe(name: str) -> Damage:
    def damage(run: Path) -> None:
        (run / name).unlink()
        os.mkfifo(run / name)

    return damage


def checkpoint(change: Callable[[dict[str, Any]], object]) -> Damage:
    def damage(run: Path) -> None:
        file = run / "checkpoints/last.ckpt"
        state = torch.load(file, weights_only=True)
        change(state)
        torch.save(state, file)

    return damage


def weight(change: Callable[[torch.Tensor], object]) -> Damage:
    def changed(state: dict[str, Any]) -> None:
        name = next(iter(state["state_dict"]))
        state["state_dict"][name] = change(state["state_dict"][name])

    return checkpoint(changed)


BUILD = "config.yaml describes no model that can be built: "
DAMAGES: dict[str, tuple[Damage, str]] = {
    "no data": (field("data", None), "record.json is damaged: data must be a table, not null"),
    "metrics": (field("metrics", [1]), "record.json is damaged: metrics must be a table"),
    "status": (field("status", ["finished"]), "record.json is damaged: it has no status"),
    "seconds": (field("wall_seconds", "1"), "record.json is damaged: wall_seconds must be"),
    "format": (field("format", 0), "record.json is damaged: format must be a whole number of at least 1"),
    "options": (field("options", {"model": 1}), "record.json is damaged: options must be a table of texts"),
    "brackets": (written("record.json", "[" * 200_000), "record.json cannot be read: it nests"),
    "record is a pipe": (pipe("record.json"), "record.json cannot be read: it is a named pipe"),
    "no model": (setting("model", None), "config.yaml is damaged: model must be a group"),
    "no target": (setting("model", {"n_layers": 1}), BUILD),
    "extra key": (setting("model.colour", 1), f"{BUILD}model.colour is not a setting"),
    "extra key of attention": (setting("attention.colour", 1), f"{BUILD}attention.colour is not"),
    "layers": (setting("model.n_layers", "x"), f"{BUILD}model.n_layers=x must be a whole number"),
    "too many layers": (setting("model.n_layers", 10**9), f"{BUILD}model.n_layers=1000000000 is more"),
    "width": (setting("model.d_model", 10_000_000), f"{BUILD}the model's weights need"),
    "width beyond 64 bits": (setting("model.d_model", 10**30), BUILD),
    "no heads": (setting("model.n_heads", 0), BUILD),
    "arguments without names": (setting("model._args_", [1]), BUILD),
    "a word that is none": (setting("model.block", "x"), f"{BUILD}model.block=x must be one of"),
    "seed": (setting("seed", "x"), "config.yaml is damaged: seed must be a whole number"),
    "config is a pipe": (pipe("config.yaml"), "config.yaml cannot be read: it is a named pipe"),
    "deep tokenizer": (written("tokenizer.json", "[" * 200_000), "tokenizer.json cannot be read: it nests"),
    "tokenizer of another kind": (
        written("tokenizer.json", '{"name": "characters", "characters": "ab"}'),
        "tokenizer.json is of the kind characters, not data.tokenizer=bytes",
    ),
    "tokenizer by a list": (written("tokenizer.json", '{"name": ["bytes"]}'), "tokenizer.json cannot"),
    "small tokenizer": (setting("model.vocab_size", 300), "tokenizer.json has 256 tokens"),
    "weights in a list": (
        checkpoint(lambda s: s.update(state_dict=[1])),
        "checkpoints/last.ckpt is damaged: ",
    ),
    "step in words": (checkpoint(lambda s: s.update(global_step="3")), "checkpoints/last.ckpt is damaged: "),
    "averages": (
        checkpoint(lambda s: s.update(evaluation_weights=[1])),
        "checkpoints/last.ckpt is damaged: ",
    ),
    "a weight of text": (weight(lambda _: "x"), "checkpoints/last.ckpt is damaged: its state_dict has"),
    "another shape": (weight(lambda _: torch.zeros(3)), "checkpoints/last.ckpt does not fit"),
    "whole numbers": (weight(lambda w: w.int()), "checkpoints/last.ckpt does not fit"),
    "complex numbers": (weight(lambda w: w.to(torch.complex64)), "checkpoints/last.ckpt does not fit"),
    "sparse": (weight(lambda w: w.to_sparse()), "checkpoints/last.ckpt is damaged: its state_dict has"),
    "checkpoint is a pipe": (
        pipe("checkpoints/last.ckpt"),
        "checkpoints/last.ckpt is damaged: it is a named",
    ),
    "a row without a step": (
        written("metrics.csv", "step,a\nnan,2\n"),
        "metrics.csv is damaged at line 2: it has no step",
    ),
    "a long field": (
        written("metrics.csv", f"step\n{'9' * 200_000}\n"),
        "metrics.csv is damaged at line 1: field",
    ),
    "metrics are a pipe": (pipe("metrics.csv"), "metrics.csv cannot be read: it is a named pipe"),
}


@pytest.mark.parametrize(("damage", "expected"), DAMAGES.values(), ids=DAMAGES)
def test_every_fault_is_one_line_with_its_file(copy: Path, damage: Damage, expected: str) -> None:
    damage(copy)
    with pytest.raises(UserError) as error:
        tuneformer.load_run(copy)
    assert str(error.value).startswith(f"{copy}/{expected}")
    assert "\n" not in str(error.value)
    assert expected.startswith("record.json") == ("makes it again from" in str(error.value))
