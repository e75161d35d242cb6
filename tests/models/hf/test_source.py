"""Where a pretrained model comes from: what is asked for, what is read and what is refused."""

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import huggingface_hub
import huggingface_hub.constants
import pytest
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.models.hf.models import model_of, settings_of
from tuneformer.errors import UserError
from tuneformer.models.hf.source import ModelSource


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One with the names of the files of a model, without its weights."""
    (tmp_path / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
    return tmp_path


def of_path(path: object, gguf_file: str | None = None) -> ModelSource:
    """The source of model.path."""
    source = ModelSource.of(config=None, path=str(path), gguf_file=gguf_file)
    assert source is not None
    return source


def test_the_hub_is_asked_once_and_only_where_it_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "model.safetensors").touch()
    asked: list[tuple[str, str | None, bool]] = []

    def download(
        name: str, *, revision: str | None, allow_patterns: list[str], local_files_only: bool = False
    ) -> str:
        assert allow_patterns == ["*.json", "*.safetensors"]
        asked.append((name, revision, local_files_only))
        if local_files_only and revision is None:
            raise LocalEntryNotFoundError("not here")
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(UserError, match=r"^model.path=models/smol is no folder; a model on the hub is"):
        of_path("models/smol")
    assert asked == []
    assert of_path("hub:somebody/smol") == of_path("hub:somebody/smol") == of_path(folder)
    assert asked == [("somebody/smol", None, True), ("somebody/smol", None, False)]
    of_path("hub:somebody/smol@abc")
    assert asked[2:] == [("somebody/smol", "abc", True)]


CLOSED = "http://127.0.0.1:9"
"""A port where nothing listens."""
OFFLINE = "HF_HUB_OFFLINE is set, and it is not in the hub's cache on this machine"


@pytest.mark.parametrize(
    ("name", "constants", "reason"),
    [
        ("hub:nobody/none", {"HF_HUB_OFFLINE": True}, OFFLINE),
        ("hub:nobody/none@abc", {"HF_HUB_OFFLINE": True}, OFFLINE),
        (
            "hub:nobody/none",
            {"ENDPOINT": CLOSED},
            r"no hub answers \(.*Connection refused\), and it is not in",
        ),
        ("hub:no body", {"ENDPOINT": CLOSED}, "Repo id must use alphanumeric chars"),
    ],
)
def test_what_the_hub_does_not_give_is_one_line(
    name: str,
    constants: dict[str, object],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[..., Any],
) -> None:
    for key, value in (constants | {"HF_HUB_CACHE": tmp_path / "cache"}).items():
        monkeypatch.setattr(huggingface_hub.constants, key, value)
    answer = command("train.py", "model=hf", f"model.path={name}", "data=text", "data.path=none.txt")
    assert answer.status == 2
    (line,) = answer.err
    assert re.match(rf"error: model.path={name} cannot be fetched: {reason}", line)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RepositoryNotFoundError, "the hub shows no such model; of one that is private, hf auth login"),
        (RevisionNotFoundError, "the model has no such revision"),
    ],
)
def test_what_the_hub_does_not_have_is_one_line(
    error: type[HfHubHTTPError], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*args: object, **how: object) -> str:
        raise error("404 Client Error\nand more", response=MagicMock())

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(UserError, match=f"^model.path=hub:some/thing cannot be fetched: {reason}"):
        of_path("hub:some/thing")


@pytest.mark.fast
def test_pickled_weights_are_refused(folder: Path) -> None:
    (folder / "pytorch_model.bin").touch()
    with pytest.raises(UserError, match=r"holds pickled weights \(\*.bin\), which are not read"):
        of_path(folder)


@pytest.mark.parametrize("gguf_file", [None, "model.gguf"])
@pytest.mark.fast
def test_an_adapter_whose_weights_lie_elsewhere_is_refused(folder: Path, gguf_file: str | None) -> None:
    for name in ("model.safetensors", "model.gguf"):
        (folder / name).touch()
    assert of_path(folder, gguf_file).file.parent == folder
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "elsewhere"}', encoding="utf-8")
    with pytest.raises(UserError, match=r"holds adapter_config.json: it is an adapter of a model elsewhere"):
        of_path(folder, gguf_file)


def test_weights_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    kept = model_of("llama").network
    kept.save_pretrained(tmp_path)
    whole = (tmp_path / "model.safetensors").read_bytes()
    named = rf"^model.path={tmp_path} cannot be built: SafetensorError: .*"
    for damaged in (b"", b"\xff" * 100, whole[: len(whole) // 2], pickle.dumps({"lm_head.weight": 1.0})):
        (tmp_path / "model.safetensors").write_bytes(damaged)
        with pytest.raises(UserError, match=named) as told:
            model_of(None, f"model.path={tmp_path}")
        assert "\n" not in str(told.value)
    told_config = (tmp_path / "config.json").read_text(encoding="utf-8")
    (tmp_path / "config.json").write_text(told_config.replace('"llama"', '"lama"'), encoding="utf-8")
    with pytest.raises(UserError, match=rf"^model.path={tmp_path}: model_type=lama is no architecture of"):
        model_of(None, f"model.path={tmp_path}")


@pytest.mark.fast
def test_a_size_that_the_folder_does_not_state_cannot_be_set(folder: Path) -> None:
    (folder / "model.safetensors").touch()
    with pytest.raises(
        UserError, match=rf"^model.n_heads=3 cannot be set: the weights of {folder} have their own$"
    ):
        settings_of(None, f"model.path={folder}", "model.n_heads=3")
