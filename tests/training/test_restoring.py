"""Going on from a checkpoint whose archive is whole, and whose content is not that of a run."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import tuneformer
from tuneformer.errors import UserError
from tuneformer.training.restoring import check_alike, check_counts

State = dict[str, Any]


@pytest.fixture(scope="module")
def settings(small_settings: list[str]) -> list[str]:
    return [*small_settings, "trainer.max_steps=2", "callbacks.checkpoints.keep_every_n_steps=1"]


@pytest.fixture(scope="module")
def interrupted(settings: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of which one step of two is done."""
    run = tmp_path_factory.mktemp("interrupted") / "run"
    tuneformer.train([*settings, f"run_dir={run}"])
    (run / "checkpoints/step_1.ckpt").replace(run / "checkpoints/last.ckpt")
    for name in ("previous.ckpt", "step_2.ckpt"):
        (run / "checkpoints" / name).unlink(missing_ok=True)
    record = json.loads((run / "record.json").read_text())
    (run / "record.json").write_text(json.dumps(record | {"status": "interrupted", "steps": 1}))
    return run


def progress(state: State) -> State:
    return state["loops"]["fit_loop"]["epoch_loop.batch_progress"]


def groups(state: State) -> list[State]:
    return state["optimizer_states"][0]["param_groups"]


DAMAGES: dict[str, Callable[[State], object]] = {
    "no loops": lambda state: state.pop("loops"),
    "a count in words": lambda state: progress(state)["total"].update(ready="1"),
    "a count below 0": lambda state: progress(state)["current"].update(completed=-1),
    "no weights": lambda state: state.update(state_dict=[]),
    "a weight of another shape": lambda state: state["state_dict"].update(
        {next(iter(state["state_dict"])): torch.zeros(3)}
    ),
    "no optimizer": lambda state: state.pop("optimizer_states"),
    "betas in words": lambda state: groups(state)[0].update(betas="x"),
    "a moment of another shape": lambda state: state["optimizer_states"][0]["state"][0].update(
        exp_avg=torch.zeros(3)  # torch's fused step would write behind it
    ),
    "a group of other weights": lambda state: groups(state)[0].update(row_parts=[2]),
    "a schedule without its rates": lambda state: state["lr_schedulers"][0].update(base_lrs=[]),
    "a schedule in words": lambda state: state["lr_schedulers"][0].update(last_epoch="x"),
    "best in words": lambda state: state["callbacks"]["Checkpoints"]["best"].update({"val/loss": "x"}),
    "seconds in words": lambda state: state["callbacks"]["RunMetrics"].update(seconds=None),
    "no version": lambda state: state.pop("pytorch-lightning_version"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_cannot_be_gone_on_from_is_one_line(
    damage: str, interrupted: Path, settings: list[str], tmp_path: Path
) -> None:
    run = shutil.copytree(interrupted, tmp_path / "run")
    last = run / "checkpoints/last.ckpt"
    state = torch.load(last, weights_only=True)
    DAMAGES[damage](state)
    torch.save(state, last)
    before = last.read_bytes()
    with pytest.raises(UserError) as error:
        tuneformer.train([*settings, f"run_dir={run}"])
    assert str(error.value).startswith(f"{last} cannot be gone on from (")
    assert "\n" not in str(error.value)
    assert last.read_bytes() == before


def test_the_undamaged_one_goes_on(interrupted: Path, settings: list[str], tmp_path: Path) -> None:
    run = shutil.copytree(interrupted, tmp_path / "run")
    assert tuneformer.train([*settings, f"run_dir={run}"]).step == 2


def test_a_file_that_only_slurm_would_look_for_is_not_read(
    monkeypatch: pytest.MonkeyPatch, settings: list[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "1")
    monkeypatch.setenv("SLURM_JOB_NAME", "job")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/hpc_ckpt_1.ckpt").write_bytes(b"anything")
    assert tuneformer.train([*settings, f"run_dir={tmp_path / 'run'}"]).record.status == "finished"


@pytest.mark.fast
def test_counts_are_whole_numbers_and_flags_at_any_depth() -> None:
    check_counts({"a": {"b": 0, "c": True}, "d": 2**40, "e": {}})
    for wrong in ("x", -1, 1.0, None, [1], {"a": {"b": "x"}}):
        with pytest.raises(TypeError, match=r"^fit_loop[.ab]* is .*, no count$"):
            check_counts(wrong)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        ({}, "g has no lr"),
        ([], "g has no lr"),
        ({"lr": "x"}, "g.lr is 'x', not of the type of 0.1"),
        ({"lr": 1, "betas": 1}, "g.betas is no list of 2"),
        ({"lr": 1, "betas": [1]}, "g.betas is no list of 2"),
        ({"lr": 1, "betas": [1, None]}, r"g.betas\[1\] is None, not of the type of 0.9"),
        ({"lr": 1, "betas": [1, 1], "fused": 1}, "g.fused is 1, not of the type of True"),
    ],
)
def test_what_another_optimizer_would_have_is_named(theirs: Any, told: str) -> None:
    mine = {"lr": 0.1, "betas": (0.5, 0.9), "fused": True, "free": None}
    check_alike(mine, {"lr": 1, "betas": [0, 1], "fused": False, "free": "x", "more": 1}, where="g")
    with pytest.raises(TypeError, match=f"^{told}$"):
        check_alike(mine, theirs, where="g")
