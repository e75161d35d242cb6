import gc
import importlib.metadata
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tuneformer
from tests import shape_checks
from tests.report.chromium import skipped_pages
from tuneformer.process.invocation import STARTED_AS

if TYPE_CHECKING:
    from tuneformer.inference.loading import Run

ROOT = Path(__file__).parents[1]

# before torch is imported: the test processes share the cores
os.environ["OMP_NUM_THREADS"] = "1"
shape_checks.install()
gc.disable()  # what is imported stays: to look for garbage in it takes a tenth of the time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a fixture makes for a module is made by one test process: its tests stay together."""
    for item in items:
        assert isinstance(item, pytest.Function)
        fixtures = item._fixtureinfo.name2fixturedefs.values()
        if any(made.scope == "module" for definitions in fixtures for made in definitions):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def pytest_collection_finish() -> None:
    """From here on only what tests make is looked through for garbage."""
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line where tests of pages were skipped."""
    line = skipped_pages(terminalreporter.stats.get("skipped", []))
    if line is not None:
        terminalreporter.write_line(line, yellow=True)


@pytest.fixture
def muon_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's Muon iterates in float32: a CPU without bfloat16 instructions takes 10 to 50 times as long."""
    import torch

    from tuneformer.optim.newton_schulz import COEFFICIENTS, newton_schulz

    def orthogonalise(
        grad: torch.Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
    ) -> torch.Tensor:
        assert tuple(coefficients) == COEFFICIENTS
        return newton_schulz(grad, steps=steps, eps=eps)

    monkeypatch.setattr("torch.optim._muon._zeropower_via_newtonschulz", orthogonalise)


@pytest.fixture(scope="session", autouse=True)
def cache_folder() -> Path:
    """Downloads and token files of all tests: one folder for all test processes, kept between sessions."""
    folder = Path(tempfile.gettempdir()) / f"tuneformer-tests-{os.getuid()}"
    os.environ["TUNEFORMER_CACHE"] = str(folder)
    os.environ["WANDB_DATA_DIR"] = os.environ["WANDB_CACHE_DIR"] = str(folder / "wandb")
    return folder


@pytest.fixture(scope="session", autouse=True)
def heard() -> None:
    """Tests and what they start hear SIGHUP, also where nohup has started them."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def read_once() -> Iterator[None]:
    """What no test changes is read once: what is installed, and the state of this checkout."""
    from tuneformer.runs import provenance

    ask_git = provenance._git
    ask_git_once = cache(ask_git)

    @cache
    def installed(_: tuple[str, ...], **names: str) -> Any:
        return entry_points(**names)

    def git(folder: Path, *arguments: str) -> str:
        return (ask_git_once if folder.is_relative_to(ROOT) else ask_git)(folder, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "_git", git)
        patch.setattr(importlib.metadata, "entry_points", lambda **names: installed((*sys.path,), **names))
        yield


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test works in a folder of its own, so that outputs/ lies there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def clean_hydra() -> Iterator[None]:
    """Hydra keeps its configuration in globals; no test sees another's."""
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig

    yield
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a command ended: its exit status and the lines that it printed."""

    status: int
    out: list[str]
    err: list[str]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """command("train.py", "seed=1"): what the shell would run, in this process."""

    def run(script: str, *arguments: str) -> Answer:
        file = ROOT / script
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        monkeypatch.setenv(STARTED_AS, "")  # what the script puts there ends with the test
        monkeypatch.delenv(STARTED_AS)
        capfd.readouterr()
        status = 0
        try:
            code = compile(file.read_text(encoding="utf-8"), str(file), "exec")
            exec(code, {"__name__": "__main__", "__file__": str(file)})
        except SystemExit as exit_:
            status = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        printed = capfd.readouterr()
        return Answer(status=status, out=printed.out.splitlines(), err=printed.err.splitlines())

    return run


@pytest.fixture(scope="session")
def small_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six kilobytes of words."""
    words = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "sleeps", "on"]
    draw = random.Random(0)
    file = tmp_path_factory.mktemp("small_text") / "words.txt"
    file.write_text("\n".join(" ".join(draw.choices(words, k=8)) for _ in range(150)), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def small_settings(small_text: Path) -> list[str]:
    """The overrides of the smallest run: three steps on six kilobytes."""
    return [
        "data=text",
        f"data.path={small_text}",
        "data.context_length=16",
        "data.batch_size=4",
        "model.n_layers=1",
        "model.n_heads=2",
        "model.d_model=16",
        "logger=none",
        "callbacks=none",
        "trainer.max_steps=3",
        "trainer.val_check_interval=2",
        "trainer.log_every_n_steps=1",
        "trainer.threads=1",
    ]


@pytest.fixture(scope="session")
def small_run(small_settings: list[str], tmp_path_factory: pytest.TempPathFactory) -> "Run":
    """One such run for all tests that only read it."""
    folder = tmp_path_factory.mktemp("small_run") / "run"
    return tuneformer.train([*small_settings, f"run_dir={folder}"])
