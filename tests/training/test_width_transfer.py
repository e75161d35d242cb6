"""The best learning rate of a narrow model is that of a wide one under muP, and is not without it."""

import sysconfig
from pathlib import Path

import pytest

from tests.training.conftest import TrainHere

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1200)]

RATES = {"adamw": [2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2], "muon": [2e-2, 4e-2, 8e-2, 1.6e-1]}
MUP = ["model=decoder_mup", "param_groups=mup"]


@pytest.fixture
def python_text(tmp_path: Path) -> Path:
    """Half a megabyte of Python's own library."""
    modules = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    text = "".join(module.read_text(encoding="utf-8", errors="ignore") for module in modules)
    path = tmp_path / "library.txt"
    path.write_text(text[:500_000], encoding="utf-8")
    return path


@pytest.mark.usefixtures("muon_in_float32")
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_the_best_rate_at_width_32_is_within_a_factor_2_of_that_at_width_256(
    optimizer: str, python_text: Path, train_here: TrainHere
) -> None:
    best = {}
    for width in (32, 256):
        run = ["experiment=optimizer_study", *MUP, f"optimizer={optimizer}", f"model.d_model={width}"]
        run += ["data=text", f"data.path={python_text}", "data.max_validation_bytes=20000"]
        run += ["trainer.max_steps=150", "trainer.val_check_interval=150"]
        losses = {rate: train_here([*run, f"optimizer.lr={rate}"]) or 0.0 for rate in RATES[optimizer]}
        best[width] = min(RATES[optimizer], key=lambda rate: losses[rate])
    assert 0.5 <= best[32] / best[256] <= 2, best
