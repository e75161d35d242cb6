import errno
import fcntl
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from tests.records import record_of
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory, config_text, find_run
from tuneformer.runs.identity import config_hash

pytestmark = pytest.mark.fast

CONFIG: dict[str, Any] = {
    "data": {"_target_": "a.B", "path": "x"},
    "model": {"n_layers": 2},
    "attention": {"scale": None},
    "optimizer": {"lr": 1e-3, "betas": [0.9, 0.95]},
    "seed": 0,
    "notes": "a: b\n# c 'd' \"e\" ${f} é",
}


def begin(path: Path) -> RunDirectory:
    directory = RunDirectory(path)
    directory.acquire()
    directory.write_config(CONFIG)
    directory.write_record(record_of(config_hash=config_hash(CONFIG)))
    return directory


ACQUIRE = """
import sys
from pathlib import Path
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
try:
    RunDirectory(Path(sys.argv[1])).acquire()
    print("acquired")
except UserError as error:
    print(error)
"""


def answer_of_another_process(path: Path) -> str:
    command = [sys.executable, "-c", ACQUIRE, str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def test_a_file_system_without_locks_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    directory = RunDirectory(tmp_path / "run")
    with pytest.raises(
        UserError, match=r"^run_dir=.*run cannot be held: its file system takes no locks: No "
    ):
        directory.acquire()
    assert not directory.held()
    directory.discard()
    assert not directory.path.exists()


def test_a_second_process_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    directory.acquire()
    refused = answer_of_another_process(directory.path)
    assert refused == f"run_dir={directory} is in use: another process trains in it"
    directory.release()
    assert answer_of_another_process(directory.path) == "acquired"


def test_whoever_asks_whether_a_folder_is_held_keeps_no_run_from_beginning(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    directory.path.mkdir()
    asking = os.open(directory.path, os.O_RDONLY)
    fcntl.flock(asking, fcntl.LOCK_SH)
    timer = threading.Timer(0.2, os.close, [asking])
    timer.start()
    directory.acquire()
    timer.join()
    assert directory.held()
    directory.release()
    assert not directory.held()


def test_a_process_that_died_holds_nothing(tmp_path: Path) -> None:
    assert answer_of_another_process(tmp_path / "run") == "acquired"
    RunDirectory(tmp_path / "run").acquire()


def test_created_folders_never_collide(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = [directory.path for directory in pool.map(RunDirectory.create, ["same"] * 24)]
    assert len(set(made)) == 24
    assert all(path.is_dir() and path.parent == Path("outputs/runs") for path in made)
    assert sorted(tmp_path.glob("outputs/runs/*_same*")) == sorted(tmp_path / path for path in made)


def test_a_name_becomes_part_of_the_folder_without_what_a_path_could_not_hold() -> None:
    path = RunDirectory.create("../a/b c:d*é").path
    assert path.parent == Path("outputs/runs")
    assert path.name.endswith("_..-a-b-c-d-é")


def test_outputs_that_cannot_be_written_to_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("a file", encoding="utf-8")
    with pytest.raises(UserError, match=r"^outputs/runs/\S+_name cannot be written to: Not a directory$"):
        RunDirectory.create("name")


@pytest.mark.parametrize("parent", ["/proc", "/sys"])
def test_a_folder_where_nothing_can_be_written_is_one_line(parent: str) -> None:
    with pytest.raises(UserError) as error:
        RunDirectory(Path(parent) / "run").acquire()
    assert str(error.value).startswith(f"run_dir={parent}/run cannot be written to: ")
    assert "\n" not in str(error.value)


def test_a_folder_that_exists_and_cannot_be_written_to_is_one_line() -> None:
    with pytest.raises(UserError, match=r"^run_dir=/proc cannot be written to: "):
        RunDirectory(Path("/proc")).acquire()


def test_a_file_in_the_place_of_the_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(UserError, match="cannot be written to: File exists"):
        RunDirectory(tmp_path / "run").acquire()


@pytest.mark.parametrize("name", ["record.json", "config.yaml", "metrics.csv", "tokenizer.json"])
def test_a_folder_in_the_place_of_a_file_is_one_line_before_anything_is_written(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(UserError, match=f"/{name} cannot be written to: it is a folder, not a regular file"):
        RunDirectory(tmp_path).acquire()
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_file_in_the_place_of_the_checkpoints_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").touch()
    with pytest.raises(UserError, match="/checkpoints cannot be written to: it is no folder"):
        RunDirectory(tmp_path).acquire()


def test_what_was_made_here_is_discarded_if_no_run_began(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    directory.acquire()
    (directory.path / "leftover").touch()
    directory.discard()
    assert not directory.path.exists()
    assert tmp_path.exists()
    created = RunDirectory.create("name")
    created.discard()
    assert not created.path.exists()


def test_the_folder_of_a_sweep_goes_with_the_last_job_that_never_began(tmp_path: Path) -> None:
    first, second = (RunDirectory(tmp_path / "sweeps" / "sweep" / name) for name in ("a", "b"))
    first.acquire()
    second.acquire()
    second.discard()
    assert first.path.exists()
    first.discard()
    assert not (tmp_path / "sweeps").exists()


def test_what_was_there_before_is_never_discarded(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").touch()
    directory = RunDirectory(tmp_path / "run")
    directory.acquire()
    directory.discard()
    assert [path.name for path in directory.path.iterdir()] == ["mine"]


def test_a_run_that_began_is_never_discarded(tmp_path: Path) -> None:
    directory = begin(tmp_path / "run")
    directory.discard()
    assert directory.begun()
    assert answer_of_another_process(directory.path) == "acquired"


def test_a_configuration_comes_back_as_it_was_written(tmp_path: Path) -> None:
    directory = begin(tmp_path / "run")
    plain = {key: value for key, value in CONFIG.items() if key != "notes"}
    assert {key: directory.read_config()[key] for key in plain} == plain


@pytest.mark.parametrize("content", ["", "3", "[1]", "a: [", "a: 1", "data: {}\nmodel: {}\n"])
def test_a_damaged_configuration_is_one_line_with_its_name(tmp_path: Path, content: str) -> None:
    directory = begin(tmp_path / "run")
    directory.config_file.write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as error:
        directory.read_config()
    assert str(error.value).startswith(f"{directory.config_file} ")
    assert "\n" not in str(error.value)


def test_the_same_run_is_let_in_and_another_is_told_what_differs(tmp_path: Path) -> None:
    directory = begin(tmp_path / "run")
    directory.check_same_run({**CONFIG, "name": "other", "logger": {}})
    with pytest.raises(UserError) as error:
        directory.check_same_run({**CONFIG, "seed": 1, "model": {"n_layers": 3}})
    assert str(error.value) == (
        f"run_dir={directory} holds a run with another configuration:"
        " model.n_layers=3 (there: 2), seed=1 (there: 0)"
    )


def test_a_run_is_found_by_its_folder(tmp_path: Path) -> None:
    begin(tmp_path / "run")
    assert find_run(str(tmp_path / "run")).path == tmp_path / "run"
    with pytest.raises(UserError, match="is not a folder: give a run directory"):
        find_run(tmp_path / "none")
    with pytest.raises(UserError, match=r"holds no run: it has no record\.json"):
        find_run(tmp_path)


SHARED = [1, 2.5e-7]


@pytest.mark.parametrize(
    "notes",
    ["a: b\n# c 'd' \"e\" é", "${f}", "???", "1e3", "yes", "2020-01-01", "", "~", "x" * 200, Path("a/b")],
)
def test_a_configuration_is_written_as_omegaconf_writes_it(notes: Any) -> None:
    config = CONFIG | {"notes": notes, "a": SHARED, "b": {"c": SHARED, "d": (True, None, [], {})}}
    assert config_text(config) == OmegaConf.to_yaml(OmegaConf.create(config))
