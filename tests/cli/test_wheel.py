"""The wheel, installed into an environment of its own and used from empty folders."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tuneformer.process.invocation import STARTED_AS

ROOT = Path(__file__).parents[2]
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "src", "conf")

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]

Shell = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.proof


def built_wheel(source: Path, folder: Path) -> Path:
    offline = ["--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*PIP, "wheel", *offline, "--wheel-dir", str(folder), str(source)], check=True)
    (file,) = folder.glob("*.whl")
    return file


def install(wheel: Path, environment: Path) -> None:
    target = ["--python", str(environment / "bin" / "python"), "install", "--no-deps", "--no-index"]
    subprocess.run([*PIP, *target, "--ignore-installed", str(wheel)], check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: a build leaves files behind in its source."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, symlinks=True)
        else:
            shutil.copy(ROOT / name, source)
    return built_wheel(source, built)


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a new environment, which borrows this one's packages but for tuneformer."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    install(wheel, folder)
    return folder / "bin"


@pytest.fixture
def shell(programs: Path, tmp_path: Path) -> Shell:
    """shell("tuneformer", "train"): a program of that environment, which must end well."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", STARTED_AS)
    }

    def run(program: str, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(programs / program), *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done

    return run


def test_it_holds_every_module_and_option_and_says_that_it_is_typed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    options = {f"tuneformer/{file.relative_to(ROOT)}" for file in (ROOT / "conf").rglob("*.yaml")}
    modules = {str(file.relative_to(ROOT / "src")) for file in (ROOT / "src" / "tuneformer").rglob("*.py")}
    assert options | modules | {"tuneformer/py.typed"} <= names
    assert not {name for name in names if name.startswith(("conf/", "tests/"))}


@pytest.mark.timeout(600)
def test_a_run_and_what_follows_it_work_in_an_empty_folder(
    shell: Shell, small_settings: list[str], tmp_path: Path
) -> None:
    five = [*small_settings, "trainer.max_steps=5"]
    shell("tuneformer", "train", *five)
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    assert {path.name for path in tmp_path.iterdir()} == {"outputs"}
    place = str(run.relative_to(tmp_path))
    assert "test/loss" in shell("tuneformer", "evaluate", place).stdout
    assert shell("tuneformer", "generate", place, "--prompt", "the", "--tokens", "5").stdout.startswith("the")
    tell = "import tuneformer, sys; run = tuneformer.load_run(sys.argv[1]); print(run.record.command)"
    assert shell("python", "-c", tell, place).stdout.startswith("tuneformer train data=text ")
    shell("tuneformer", "train", "--multirun", *five, "seed=0,1", "sweep=two")
    assert "2 jobs: 2 finished" in shell("tuneformer", "status", "outputs/sweeps/two").stdout
    shell("tuneformer", "compare", "outputs/sweeps/two")
    page = (tmp_path / "outputs" / "sweeps" / "two" / "comparison.html").read_text(encoding="utf-8")
    assert "tuneformer compare outputs/sweeps/two" in page


def test_a_folder_of_ones_own_adds_options(shell: Shell, small_settings: list[str], tmp_path: Path) -> None:
    file = tmp_path / "conf" / "experiment" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("# @package _global_\noptimizer: {lr: 0.011}\n", encoding="utf-8")
    shell("tuneformer", "train", *small_settings, "experiment=mine", "run_dir=run", "--config-dir=conf")
    assert "  lr: 0.011\n" in (tmp_path / "run" / "config.yaml").read_text(encoding="utf-8")


def test_two_processes_train_one_run(shell: Shell, small_settings: list[str], tmp_path: Path) -> None:
    two = ["trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu", "run_dir=run"]
    shell("tuneformer", "train", *small_settings, *two)
    code = "import tuneformer; tuneformer.train({settings!r})"
    again = code.format(settings=[*small_settings, *two[:-1], "run_dir=again"])
    shell("python", "-c", again)
    rows = [(tmp_path / name / "metrics.csv").read_text(encoding="utf-8") for name in ("run", "again")]
    assert [text.count("\n") for text in rows] == [4, 4]


@pytest.fixture(scope="module")
def own_project(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """examples/own_project, installed beside tuneformer as the README there says."""
    source = tmp_path_factory.mktemp("own") / "own_project"
    shutil.copytree(ROOT / "examples" / "own_project", source)
    install(built_wheel(source, tmp_path_factory.mktemp("own_dist")), programs.parent)


@pytest.mark.usefixtures("own_project")
@pytest.mark.timeout(600)
class TestOwnProject:
    """What a project of one's own adds works as what is shipped does."""

    def test_a_model_an_optimizer_a_schedule_callbacks_and_a_logger(
        self, shell: Shell, small_settings: list[str], tmp_path: Path
    ) -> None:
        options = ["model=mean_of_the_past", "optimizer=unit_momentum", "scheduler=tent", "callbacks=own"]
        small = [setting for setting in small_settings if not setting.startswith(("model", "callbacks"))]
        steps = ["trainer.max_steps=12", "trainer.val_check_interval=4", "callbacks.diary.every_n_steps=4"]
        shell("tuneformer", "train", *small, *options, "logger=json_lines", *steps, "run_dir=run")
        run = tmp_path / "run"
        assert (run / "diary.txt").read_text().splitlines() == ["step 4", "step 8", "step 12"]
        rows = [json.loads(line) for line in (run / "rows.jsonl").read_text().splitlines()]
        assert rows[-1]["step"] == 12
        assert "weights/spread" in (run / "metrics.csv").read_text()
        assert json.loads((run / "record.json").read_text())["versions"]["own"].startswith("sources ")
        assert "test/loss" in shell("tuneformer", "evaluate", "run").stdout
        assert shell("tuneformer", "generate", "run", "--prompt", "to", "--tokens", "3").stdout.startswith(
            "to"
        )
        assert "has no attention to look at" in shell("tuneformer", "analyze", "run", status=2).stderr
        shell("tuneformer", "diagnose", "run")
        found = json.loads((run / "analysis" / "diagnosis.json").read_text())
        assert "lone_weights" not in found["could_not_look"]
        assert "finished already" in shell("tuneformer", "train", "run_dir=run").stderr
        assert "tent" in shell("tuneformer", "preview", *small, *options, "logger=none", *steps).stdout
        branch = [*small, "scheduler=wsd", "scheduler.warmup=1", "branch_from=run", "run_dir=branch"]
        refused = shell("tuneformer", "train", *branch, status=2).stderr
        assert "branch_from=run is not a stable trunk: its scheduler must stay at its peak" in refused

    def test_data_with_a_task_and_an_attention_core(self, shell: Shell, tmp_path: Path) -> None:
        small = ["model.size=nano", "trainer.max_steps=6", "trainer.val_check_interval=3", "logger=none"]
        shell("tuneformer", "train", "data=parities", "attention=squared_relu", *small, "run_dir=run")
        assert "test/surprise" in shell("tuneformer", "evaluate", "run").stdout
        assert "attention.html" in shell("tuneformer", "analyze", "run").stdout

    def test_a_sweep_and_a_search_by_a_launcher(self, shell: Shell, tmp_path: Path) -> None:
        small = ["data=parities", "model.size=nano", "trainer.max_steps=4", "trainer.val_check_interval=2"]
        sweep = ["--multirun", *small, "logger=none", "launcher=polite"]
        done = shell("tuneformer", "train", *sweep, "optimizer=unit_momentum,adamw", "sweep=own")
        assert done.stderr.count("one job is done") == 2
        assert "unit_momentum" in shell("tuneformer", "compare", "outputs/sweeps/own").stdout
        search = ["optimizer=unit_momentum", "search=random", "hydra.sweeper.n_trials=2"]
        shell("tuneformer", "train", *sweep, *search, "sweep=found")

    def test_bad_values_are_told_as_ours_are(self, shell: Shell) -> None:
        done = shell("tuneformer", "train", "optimizer=unit_momentum", "optimizer.momentum=2", status=2)
        assert done.stderr == "error: optimizer.momentum=2 must be at least 0 and below 1\n"
        page = shell("tuneformer", "train", "--help", "scheduler=tent").stdout
        assert "first and last rate / peak rate" in page
