"""The wheel, installed into an environment of its own and used from empty folders."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tuneformer.invocation import STARTED_AS

ROOT = Path(__file__).parents[2]
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "src", "conf")

Shell = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.proof


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: a build leaves files behind in its source."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, symlinks=True)
        else:
            shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    offline = ["--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "wheel", *offline, "--wheel-dir", str(built), str(source)], check=True)
    (file,) = built.glob("tuneformer-*.whl")
    return file


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a new environment, which borrows this one's packages but for tuneformer."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    target = ["--python", str(folder / "bin" / "python"), "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, *target, "--ignore-installed", str(wheel)], check=True)
    return folder / "bin"


@pytest.fixture
def shell(programs: Path, tmp_path: Path) -> Shell:
    """shell("tuneformer", "train"): a program of that environment, which must end well."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", STARTED_AS)
    }

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(programs / program), *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
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
