import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tuneformer.checks.config import checked_config
from tuneformer.runs.directory import RunDirectory

ROOT = Path(__file__).parents[2]

Command = Callable[..., Any]


def test_a_run_goes_on_in_its_folder_and_another_configuration_is_refused(
    command: Command, small_settings: list[str]
) -> None:
    assert command("train.py", *small_settings, "run_dir=run").status == 0
    before = {file: file.read_bytes() for file in Path("run").rglob("*") if file.is_file()}
    again = command("train.py", *small_settings, "run_dir=run", "trainer.log_every_n_steps=2")
    assert (again.status, again.err) == (0, ["run has finished already"])
    alone = command("train.py", "run_dir=run", "notes=again")
    assert (alone.status, alone.err) == (0, ["run has finished already"])
    other = command("train.py", *small_settings, "run_dir=run", "optimizer.lr=1e-3", "seed=2")
    assert other.status == 2
    assert other.err == [
        "error: run_dir=run holds a run with another configuration:"
        " optimizer.lr=0.001 (there: 0.002), seed=2 (there: 0); in another run_dir, with the other settings"
        " typed as there: init_from=run for a new run that starts from its weights"
    ]
    assert {file: file.read_bytes() for file in Path("run").rglob("*") if file.is_file()} == before


@pytest.mark.parametrize(
    "options", [["--cfg", "job"], ["-c", "job"], ["--cfg=job"], ["--resolve", "--cfg", "job"]]
)
def test_options_may_stand_before_the_folder_of_a_run(command: Command, options: list[str]) -> None:
    config = checked_config(["experiment=smoke", "optimizer=sgd", "seed=3"])
    directory = RunDirectory(Path("run"))
    directory.path.mkdir()
    directory.write_config(config)
    for arguments in ([*options, "run_dir=run", "notes=x"], ["notes=x", *options, "run_dir=run"]):
        answer = command("train.py", *arguments)
        assert (answer.status, answer.err) == (0, [])
        shown = yaml.safe_load("\n".join(answer.out))
        assert (shown["optimizer"]["_target_"], shown["seed"]) == ("torch.optim.SGD", 3)
        assert (shown["run_dir"], shown["notes"]) == ("run", "x")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--cfg"], "argument --cfg/-c: expected one argument"),
        (["--cfg=file"], "argument --cfg/-c: invalid choice: 'file'"),
        (["--multirun=3"], "argument --multirun/-m: ignored explicit argument '3'"),
        (["--resolve"], "--resolve goes with --cfg=job"),
        (["--cfg=job", "--multirun"], "--multirun and --cfg do not go together"),
        (["--config-dir="], "--config-dir is empty: give a folder"),
    ],
)
def test_a_flag_that_cannot_be_followed_is_one_line(
    command: Command, arguments: list[str], expected: str
) -> None:
    answer = command("train.py", *arguments)
    assert answer.status == 2
    assert len(answer.err) == 1
    assert answer.err[0].startswith(f"error: {expected}")


def test_a_damaged_record_is_one_line_and_nothing_is_overwritten(
    command: Command, small_settings: list[str]
) -> None:
    Path("run").mkdir()
    Path("run/record.json").write_text('{"status": "fin', encoding="utf-8")
    answer = command("train.py", *small_settings, "run_dir=run")
    assert answer.status == 2
    assert len(answer.err) == 1
    assert answer.err[0].startswith(
        "error: run/record.json and config.yaml cannot be read, and there is no checkpoint"
    )
    assert [path.name for path in Path("run").iterdir()] == ["record.json"]


def test_the_whole_traceback_is_shown_where_it_is_asked_for(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hydra.errors import HydraException

    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(HydraException):
        command("train.py", "optimizer=adamx")


def shell(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.fixture
def texts(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "short.txt").write_text("to be or not to be", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 " * 50)


@pytest.mark.usefixtures("texts")
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--help"], 0),
        (["--cfg", "job", "experiment=smoke"], 0),
        (["model.d_model=130"], 2),
        (["--multirun", "seed=0,-1"], 2),
        (["data=text", "data.path=latin.txt"], 2),
        (["data=text", "data.path=short.txt", "data.tokenizer=bpe"], 2),
        (["run_dir=/proc/run"], 2),
    ],
)
def test_what_needs_no_torch_does_not_wait_for_it(arguments: list[str], status: int) -> None:
    done = shell(*arguments, PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "import time:" in line}
    assert done.returncode == status
    assert "hydra" in imported
    assert not imported & {"torch", "pytorch_lightning", "wandb"}


def test_help_lists_the_groups_and_their_options() -> None:
    done = shell("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for line in (
        "optimizer: adabelief, adafactor, adam, ",
        "experiment: acrobot, attention_512, attention_methods, attention_study, ",
        "trainer.max_steps=600 ",
    ):
        assert line in done.stdout


def test_the_whole_configuration_can_be_shown_without_training(tmp_path: Path) -> None:
    done = shell("--cfg", "job", "optimizer=sgd", "seed=3")
    assert (done.returncode, done.stderr) == (0, "")
    assert "_target_: torch.optim.SGD" in done.stdout
    assert "seed: 3" in done.stdout.splitlines()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("texts")
def test_the_shell_sees_one_line_and_status_2(tmp_path: Path) -> None:
    done = shell("data=text", "data.path=empty.txt")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "error: data.path=empty.txt is empty: give a UTF-8 text file or a folder of them\n"
    assert not list(tmp_path.glob("outputs/runs/*"))


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["search=tpe"], "search=tpe is for many runs: add --multirun, or leave it out for one"),
        (["launcher=local"], "launcher=local is for many runs: add --multirun"),
        (["sweep=mine"], "sweep=mine is for many runs: add --multirun"),
        (["preflight=only"], "preflight=only is for many runs: add --multirun"),
        (["retry_failed=true"], "retry_failed=true is for many runs: add --multirun"),
        (["hydra.sweeper.n_trials=3"], "hydra.sweeper.n_trials=3 is for many runs: add --multirun"),
        (["++search.grid.seed=[0,1]"], "search.grid (seed) is for many runs: add --multirun"),
        (
            ["--optimizer.lr=0.01"],
            "--optimizer.lr=0.01 is not an option: settings are written without dashes, opt",
        ),
        (["lr=1e-3"], "lr=1e-3 is not a setting: did you mean optimizer.lr=1e-3?"),
    ],
)
def test_what_only_many_runs_can_have_is_refused_for_one(
    command: Command, overrides: list[str], expected: str
) -> None:
    answer = command("train.py", *overrides)
    assert (answer.status, len(answer.err)) == (2, 1)
    assert answer.err[0].startswith(f"error: {expected}")
    assert not Path("outputs").exists()
