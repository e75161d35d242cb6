import json
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.records import record_of
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.provenance import git_state, host_hardware, package_versions
from tuneformer.runs.record import FORMAT, read_record, run_identifier, stored_record, write_record

pytestmark = pytest.mark.fast

RECORD: dict[str, Any] = {
    "status": "finished",
    "config_hash": "0123",
    "data": {"fingerprint": "45"},
    "metrics": {"final": {"val/loss": 1.5}, "best": {}},
    "restarts": 0,
    "started": "2026-01-01T00:00:00+00:00",
    "steps": 10,
    "wall_seconds": 2.5,
}


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    record = record_of(**RECORD, options={"optimizer": "signum"}, attempts=[], lost=[])
    write_record(tmp_path / "record.json", record)
    assert read_record(tmp_path / "record.json") == record
    assert json.loads((tmp_path / "record.json").read_text())["format"] == FORMAT


def test_a_record_of_the_first_format_says_the_same_in_the_words_of_now(tmp_path: Path) -> None:
    memory = {"peak_bytes": 100, "peak_is_own": True, "optimizer_state_bytes": 7}
    old = RECORD | {"data": {"unit": "tokens"}, "tokens": 640, "train_seconds": 2.0, "memory": memory}
    for own, peak in ((True, 100), (False, None)):
        memory["peak_is_own"] = own
        (tmp_path / "record.json").write_text(json.dumps(old))
        record = read_record(tmp_path / "record.json")
        assert (record.seen, record.tokens_per_second, record.options) == (640, 320.0, {})
        assert (record.peak_bytes, record.optimizer_state_bytes) == (peak, 7)


def test_a_record_of_a_later_format_is_not_read_by_halves(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(json.dumps(RECORD | {"format": FORMAT + 1}))
    with pytest.raises(UserError, match=f"is of format {FORMAT + 1}, and this version .* up to {FORMAT}"):
        read_record(tmp_path / "record.json")
    with pytest.raises(UserError, match="is of format"):  # nor taken for damaged, and written over
        RunDirectory(tmp_path).readable_record()


def test_a_run_that_was_killed_is_told_as_such_and_one_that_trains_is_not(tmp_path: Path) -> None:
    write_record(tmp_path / "record.json", record_of(status="running"))
    training = RunDirectory(tmp_path)
    training.acquire()
    assert read_record(tmp_path / "record.json").status == "running"
    training.release()
    found = read_record(tmp_path / "record.json")
    assert (found.status, found.error) == ("interrupted", "its process was killed")
    assert stored_record(tmp_path / "record.json").status == "running"


def test_a_status_of_another_name_is_a_mistake_of_ours(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        write_record(tmp_path / "record.json", record_of(status="done"))
    assert not (tmp_path / "record.json").exists()


def test_a_folder_without_a_record_holds_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        read_record(tmp_path / "record.json")
    assert str(error.value) == f"{tmp_path} holds no run: it has no record.json"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"3", b"{}", b'{"status": "done"}', b'{"status": "finished"}', b"\xff\xfe", b"null"],
)
def test_a_damaged_record_is_one_line_with_its_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "record.json"
    file.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_record(file)
    assert str(error.value).startswith(f"{file} ")
    assert "\n" not in str(error.value)


def test_a_record_that_is_a_folder_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_record(tmp_path)


def test_versions_are_those_that_are_installed() -> None:
    versions = package_versions()
    assert versions["torch"] == version("torch")
    assert {"python", "tuneformer", "numpy", "pytorch-lightning"} <= versions.keys()


def test_git_state_says_what_git_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    monkeypatch.setattr("tuneformer.runs.provenance.__file__", str(tmp_path / "record.py"))
    assert git_state() == {"commit": None, "dirty": None}
    git("init", "--quiet")
    (tmp_path / "file").write_text("one", encoding="utf-8")
    git("add", "file")
    git("commit", "--quiet", "--no-verify", "--message", "one")
    assert git_state() == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    (tmp_path / "file").write_text("two", encoding="utf-8")
    assert git_state()["dirty"] is True


def test_hardware_names_the_machine() -> None:
    hardware = host_hardware()
    assert hardware["cpu_cores"] >= 1
    assert hardware["platform"]


def test_an_identifier_belongs_to_one_folder_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_identifier(tmp_path / "a") == run_identifier(Path("a")) == run_identifier(Path("b/../a"))
    assert run_identifier(Path("a")) != run_identifier(Path("b"))
    assert len(run_identifier(Path("a"))) == 12
