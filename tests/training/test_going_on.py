"""A run goes on as itself or not at all, and says what it does not find."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.conftest import assert_same_run, read_checkpoint, repeatable_rows
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError
from tuneformer.runs.checkpoint_keys import ORIGIN
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.record import read_record
from tuneformer.training.callbacks.run_metrics import RunMetrics
from tuneformer.training.start import train

GoOn = Callable[..., Path]


class Killed(BaseException):
    """What no handler of a run can tell from its end."""


def train_in(folder: Path, overrides: Sequence[str]) -> None:
    train(check_config(*compose_config([*overrides, f"run_dir={folder}"])))


@pytest.fixture(scope="module")
def unbroken(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    train_in(folder, tiny)
    return folder


@pytest.fixture(scope="module")
def killed(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that died at step 16: last.ckpt is of step 14, previous.ckpt of step 7, rows at 4, 8, 10, 12."""

    def die(_: RunMetrics, trainer: Any, *__: Any) -> None:
        if trainer.global_step == 16:
            raise Killed

    folder = tmp_path_factory.mktemp("killed") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunMetrics, "on_train_batch_start", die, raising=False)
        with pytest.raises(Killed):
            train_in(folder, tiny)
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    record["status"] = record["attempts"][-1]["status"] = "running"
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


@pytest.fixture
def run(killed: Path, tmp_path: Path) -> Path:
    """A copy of the killed run, to be spoilt."""
    return Path(shutil.copytree(killed, tmp_path / "run"))


def test_without_its_record_the_run_goes_on_and_another_configuration_does_not(
    run: Path, unbroken: Path, tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_record(run / "record.json")
    for spoil in ("config.yaml", None):
        (run / "record.json").unlink(missing_ok=True)
        if spoil is not None:
            with pytest.raises(
                UserError, match=r"holds a run with another configuration: optimizer\.lr=0\.5"
            ):
                train_in(run, [*tiny, "optimizer.lr=0.5"])
            (run / spoil).unlink()
    with pytest.raises(UserError, match=r"last\.ckpt is of a run with another configuration: put the right"):
        train_in(run, [*tiny, "optimizer.lr=0.5"])
    assert not (run / "record.json").exists()
    capsys.readouterr()
    train_in(run, tiny)
    assert "record.json is missing or damaged: it is made again from last.ckpt\n" in capsys.readouterr().err
    assert_same_run(unbroken, run)
    record = read_record(run / "record.json")
    assert (record.started, record.restarts) == (before.started, 1)
    assert [(a["first_step"], a["last_step"], a["status"]) for a in record.attempts] == [
        (0, 16, "interrupted"),
        (14, 30, "finished"),
    ]
    assert record.wall_seconds == pytest.approx(sum(a["seconds"] for a in record.attempts))


def test_a_truncated_record_is_made_again(run: Path, unbroken: Path, tiny: list[str]) -> None:
    content = (run / "record.json").read_bytes()
    (run / "record.json").write_bytes(content[: len(content) // 2])
    train_in(run, tiny)
    assert_same_run(unbroken, run)


def test_a_trial_that_goes_on_by_itself_stays_the_trial_of_its_study(run: Path, tiny: list[str]) -> None:
    directory = RunDirectory(run)
    config = directory.read_config()
    search = {"sampler": "tpe", "trial": 3, "study": "mine", "spaces": {}}
    directory.write_config(config | {"search": search})
    train_in(run, tiny)
    assert directory.read_config()["search"] == search
    assert directory.read_record().search == {"sampler": "tpe", "trial": 3, "study": "mine"}


def test_other_data_do_not_go_on_from_a_checkpoint(run: Path, tiny: list[str], tmp_path: Path) -> None:
    (run / "record.json").unlink()
    other = tmp_path / "other.txt"
    other.write_text("another text " * 700, encoding="utf-8")
    with pytest.raises(UserError, match=r"last\.ckpt is of a run with other data"):
        train_in(run, [*tiny, f"data.path={other}"])


def test_a_checkpoint_of_an_older_version_needs_the_record(
    run: Path, unbroken: Path, tiny: list[str]
) -> None:
    for name in ("last.ckpt", "previous.ckpt"):
        state = read_checkpoint(run, name)
        del state[ORIGIN]
        torch.save(state, run / "checkpoints" / name)
    record = (run / "record.json").read_bytes()
    (run / "record.json").unlink()
    with pytest.raises(UserError, match=r"does not say which run it is of, and there is no readable record"):
        train_in(run, tiny)
    older = {k: v for k, v in json.loads(record).items() if k not in ("attempts", "lost", "hardware")}
    (run / "record.json").write_text(json.dumps(older), encoding="utf-8")
    train_in(run, tiny)
    assert_same_run(unbroken, run)
    attempts = read_record(run / "record.json").attempts
    assert [attempt["status"] for attempt in attempts] == ["interrupted", "finished"]
    assert attempts[0]["versions"] == older["versions"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda file: file.unlink(), "metrics.csv is missing: its 4 rows up to step 12 are lost"),
        (lambda file: file.write_bytes(b""), "metrics.csv has 0 of the 4 rows up to step 12"),
        (lambda file: file.write_bytes(bytes(file.stat().st_size)), "metrics.csv has 0 of the 4 rows"),
        (
            lambda file: file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:3])),
            "metrics.csv has 2 of the 4 rows up to step 12",
        ),
        (
            lambda file: file.write_bytes(file.read_bytes().replace(b"\n8,", b"\n9,")),
            "metrics.csv has other values up to step 12 than the run wrote",
        ),
    ],
)
def test_rows_that_are_lost_are_told_and_recorded(
    spoil: Callable[[Path], object],
    told: str,
    run: Path,
    tiny: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(run / "metrics.csv")
    train_in(run, tiny)
    shown = capsys.readouterr()
    assert f"{told}" in shown.err
    assert f"{told}" in shown.out  # the table at the end, too
    (lost,) = read_record(run / "record.json").lost
    assert told in lost
    assert [row["step"] for row in repeatable_rows(run)][-5:] == [16, 20, 24, 28, 30]


def test_a_flipped_byte_of_metrics_is_one_line_with_its_remedy(run: Path, tiny: list[str]) -> None:
    file = run / "metrics.csv"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join([*lines[:2], lines[2].replace(".", "x", 1), *lines[3:]]), encoding="utf-8")
    with pytest.raises(UserError, match=r"metrics\.csv is damaged at line 3: .*; remove that line") as error:
        train_in(run, tiny)
    assert "\n" not in str(error.value)
    file.write_text("".join([*lines[:2], *lines[3:]]), encoding="utf-8")
    train_in(run, tiny)
    assert "has 3 of the 4 rows" in read_record(run / "record.json").lost[0]


def test_checkpoints_that_are_gone_are_told(
    run: Path, unbroken: Path, tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "checkpoints" / "last.ckpt").rename(run / "checkpoints" / "step_14.ckpt")
    (run / "checkpoints" / "previous.ckpt").unlink()
    train_in(run, tiny)
    told = "last.ckpt, previous.ckpt is missing: going on from step_14.ckpt, step 14\n"
    assert told in capsys.readouterr().err
    assert_same_run(unbroken, run)

    record = json.loads((run / "record.json").read_text(encoding="utf-8")) | {"status": "interrupted"}
    (run / "record.json").write_text(json.dumps(record), encoding="utf-8")
    shutil.rmtree(run / "checkpoints")
    train_in(run, tiny)
    told = "checkpoints holds no checkpoint, and the run was at step 30: it starts over\n"
    assert told in capsys.readouterr().err
    assert_same_run(unbroken, run)
    assert [a["first_step"] for a in read_record(run / "record.json").attempts] == [0, 14, 0]


def test_an_attempt_on_something_else_is_told_in_one_line(
    run: Path, tiny: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuneformer.training.records.git_state", lambda: {"commit": "0" * 40, "dirty": True})
    train_in(run, tiny)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("this attempt differs")]
    assert len(lines) == 1
    assert "commit 000000000000 with uncommitted changes (before: " in lines[0]
    record = read_record(run / "record.json")
    assert [a["commit"] == "0" * 40 for a in record.attempts] == [False, True]
    assert record.git == {"commit": "0" * 40, "dirty": True}
