"""conf/trainer as an object, and what it asks of the machine."""

import math
import os
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

import tuneformer
from tests.training.conftest import TrainHere, read_checkpoint
from tuneformer.errors import UserError
from tuneformer.runs.record import read_record
from tuneformer.training.assembly import check_batch_divides
from tuneformer.training.settings import TrainerSettings, available_cores
from tuneformer.training.trainer import build_trainer

WITHOUT_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


def settings(**changed: object) -> TrainerSettings:
    given: dict[str, object] = {
        "max_steps": 3,
        "val_check_interval": 2,
        "log_every_n_steps": 1,
        "gradient_clip_val": None,
        "accumulate_grad_batches": 1,
        "accelerator": "cpu",
        "devices": 1,
        "num_nodes": 1,
        "strategy": "auto",
        "precision": "32-true",
        "float32_matmul_precision": "highest",
        "compile": False,
        "threads": None,
        "deterministic": False,
    }
    return TrainerSettings(**{**given, **changed})  # pyright: ignore[reportArgumentType]


def build(folder: Path, **changed: object) -> pl.Trainer:
    return build_trainer(settings(**changed), callbacks=[], loggers=[], folder=folder, launched_by=None)


def test_more_processes_than_cores_are_refused_also_where_the_accelerator_is_found_out(
    tmp_path: Path,
) -> None:
    cores = os.cpu_count() or 1
    with pytest.raises(UserError) as error:
        build(tmp_path, accelerator="auto" if not torch.cuda.is_available() else "cpu", devices=cores + 1)
    expected = f"trainer.devices={cores + 1} is more than the {cores} CPU cores of this machine"
    assert str(error.value) == expected


@pytest.mark.parametrize("accelerator", ["gpu", "cuda", "tpu", "mps"])
@WITHOUT_GPU
def test_an_accelerator_that_is_not_there_is_one_line(accelerator: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        build(tmp_path, accelerator=accelerator)
    start = (
        f"trainer.accelerator={accelerator} trainer.devices=1 trainer.strategy=auto is not possible here: "
    )
    assert str(error.value).startswith(start)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) > len(start) + 10


def test_half_precision_without_a_gpu_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"trainer\.precision=16-mixed needs a GPU: choose bf16-mixed or 32-true"
    ):
        build(tmp_path, accelerator="cpu", precision="16-mixed")


@pytest.mark.parametrize(("batch_size", "accumulate"), [(5, 1), (6, 4), (2, 4)])
def test_a_batch_that_cannot_be_dealt_to_the_devices_found_is_refused(
    batch_size: int, accumulate: int, tmp_path: Path
) -> None:
    trainer = build(tmp_path, devices=2, accumulate_grad_batches=accumulate, strategy="ddp")
    with pytest.raises(UserError) as error:
        check_batch_divides(batch_size, trainer)
    assert str(error.value) == (
        f"data.batch_size={batch_size} must be a multiple of {2 * accumulate}: 2 devices"
        f" x trainer.accumulate_grad_batches={accumulate}"
    )
    check_batch_divides(8, trainer)


def test_an_indivisible_batch_on_all_devices_there_are_leaves_no_run_behind(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    # on a CPU `auto` is one process, whatever its cores
    run = [*tiny, "trainer.devices=auto", "trainer.accumulate_grad_batches=3", "run_dir=run"]
    with pytest.raises(UserError, match=r"^data\.batch_size=4 must be a multiple of 3: 1 devices x "):
        train_here(run)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "64-true"])
def test_each_precision_trains_and_its_run_can_be_loaded(
    precision: str, tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    exact = train_here([*tiny, "run_dir=exact"])
    loss = train_here([*tiny, f"trainer.precision={precision}", "run_dir=run"])
    assert exact is not None
    assert loss is not None
    assert math.isclose(loss, exact, rel_tol=2e-2 if "bf16" in precision else 1e-4)
    assert loss != exact
    expected = {"bf16-mixed": torch.float32, "bf16-true": torch.bfloat16, "64-true": torch.float64}
    for name, weights in read_checkpoint(tmp_path / "run")["state_dict"].items():
        assert weights.dtype == expected[precision], name
    assert read_record(tmp_path / "run" / "record.json").hardware["precision"] == precision
    assert tuneformer.load_run(tmp_path / "run").step == 30


def test_without_clipping_every_gradient_is_used_whole(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    # Adam's step hardly sees the size of a gradient; that of plain descent is proportional to it
    descent = ["optimizer=sgd", "optimizer.momentum=0", "trainer.max_steps=4"]
    for name, clip in {"none": "null", "wide": "1e6", "tight": "1e-3"}.items():
        train_here([*tiny, *descent, f"trainer.gradient_clip_val={clip}", f"run_dir={name}"])
    none, wide, tight = (read_checkpoint(tmp_path / name)["state_dict"] for name in ("none", "wide", "tight"))
    for name, weights in none.items():
        assert torch.equal(weights, wide[name]), name
    assert not all(torch.equal(weights, tight[name]) for name, weights in none.items())


@pytest.mark.fast
def test_cores_are_those_that_this_process_may_use() -> None:
    allowed = os.sched_getaffinity(0)
    assert available_cores() == len(allowed)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
