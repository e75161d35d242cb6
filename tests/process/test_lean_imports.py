"""A run does not pay for packages that it has no use for; who wants them still gets them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

HEAVY = ("matplotlib", "pandas", "scipy", "transformers")


def loaded_after(code: str) -> list[str]:
    """Which of HEAVY a fresh process has loaded at the end of the code."""
    told = f"import json, sys; print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{told}"], capture_output=True, text=True, check=True, timeout=200
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_a_run_loads_neither_plots_nor_statistics_nor_frames(
    small_settings: list[str], tmp_path: Path
) -> None:
    settings = [line for line in small_settings if not line.startswith(("logger", "callbacks"))]
    line = ["train.py", *settings, "logger=wandb", "callbacks=default", f"run_dir={tmp_path}/run"]
    code = (
        f"import runpy, sys; sys.argv = {line!r}; runpy.run_path({str(ROOT / 'train.py')!r},"
        " run_name='__main__')"
    )
    assert loaded_after(code) == []


@pytest.mark.proof
def test_without_it_lightning_loads_plots_statistics_and_models_which_is_why_it_is_there() -> None:
    assert loaded_after("import pytorch_lightning") == ["matplotlib", "scipy", "transformers"]


@pytest.mark.proof
def test_what_was_kept_out_can_be_imported_afterwards_and_before() -> None:
    lean = "from tuneformer.process.lean_imports import keep_imports_lean as keep; keep(); keep()\n"
    use = (
        "\nimport matplotlib.pyplot, scipy.stats\nfrom torchmetrics.text import SacreBLEUScore\n"
        "assert SacreBLEUScore()(['a cat sat down'], [['a cat sat down']]) == 1"
    )
    assert loaded_after(f"{lean}import torchmetrics") == []
    assert loaded_after(f"{lean}import torchmetrics{use}") == ["matplotlib", "scipy"]
    assert loaded_after(f"{lean}import scipy\nimport torchmetrics") == ["scipy"]
