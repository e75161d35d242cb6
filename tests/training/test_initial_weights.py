"""A run that starts from the weights of another one (`init_from`), its optimizer fresh or kept."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import tuneformer
from tests.training.conftest import Fault, Train, TrainHere, assert_same_run, read_checkpoint
from tuneformer.checks.config import checked_config
from tuneformer.errors import UserError
from tuneformer.runs.identity import config_hash, determining
from tuneformer.runs.record import read_record

NO_STEP = ["optimizer=sgd", "optimizer.lr=1e-30", "optimizer.momentum=0", "trainer.max_steps=1"]
ONE_STEP = ["scheduler=constant", "scheduler.warmup=0", "trainer.max_steps=1"]


@pytest.fixture(scope="module")
def source(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 30 steps whose average is evaluated."""
    folder = tmp_path_factory.mktemp("source") / "run"
    tuneformer.train([*tiny, "callbacks=ema", "callbacks.sample=null", f"run_dir={folder}"])
    return folder


def starting(tiny: list[str], source: Path, *more: str) -> list[str]:
    return [*tiny, "scheduler.warmup=0", f"init_from={source}", "run_dir=run", *more]


@pytest.mark.parametrize("checkpoint", ["last", "best"])
def test_a_fresh_start_is_from_the_weights_that_were_evaluated(
    checkpoint: str, tiny: list[str], source: Path, train_here: TrainHere
) -> None:
    train_here(starting(tiny, source, *NO_STEP, f"init_weights={checkpoint}"))
    started = tuneformer.load_run(source, checkpoint=checkpoint)
    for name, weight in tuneformer.load_run("run").model.state_dict().items():
        assert torch.equal(weight, started.model.state_dict()[name]), name
    record = read_record(Path("run/record.json")).init
    assert record is not None
    assert (record["from"], record["step"], record["optimizer"]) == (str(source), started.step, "fresh")
    assert len(record["digest"]) == 16


def test_a_kept_optimizer_takes_the_next_step_of_its_own_at_the_new_rate(
    tiny: list[str], source: Path, train_here: TrainHere
) -> None:
    train_here(starting(tiny, source, *ONE_STEP, "init_optimizer=kept", "optimizer.lr=3e-4", "seed=1"))
    before, after = read_checkpoint(source), read_checkpoint(Path("run"))
    was, now = (each["optimizer_states"][0] for each in (before, after))
    checked = 0
    for group in now["param_groups"]:
        beta1, beta2 = group["betas"]
        for index, name in zip(group["params"], group["param_names"], strict=True):
            old, new = (
                {key: value.double().numpy() for key, value in of["state"][index].items()}
                for of in (was, now)
            )
            assert new["step"] == 31
            # the gradient of the step, from what the first moment says of it
            gradient = (new["exp_avg"] - beta1 * old["exp_avg"]) / (1 - beta1)
            second = beta2 * old["exp_avg_sq"] + (1 - beta2) * gradient**2
            np.testing.assert_allclose(new["exp_avg_sq"], second, rtol=1e-3, atol=1e-9)
            weight, moved = (
                each["state_dict"][f"model.{name.removeprefix('model.')}"].double().numpy()
                for each in (before, after)
            )
            direction = (new["exp_avg"] / (1 - beta1**31)) / (
                np.sqrt(new["exp_avg_sq"] / (1 - beta2**31)) + group["eps"]
            )
            expected = weight * (1 - 3e-4 * group["weight_decay"]) - 3e-4 * direction
            np.testing.assert_allclose(moved, expected, rtol=0, atol=3e-7)
            checked += 1
    assert checked > 5


@pytest.mark.parametrize("optimizer", ["muon", "schedule_free_adamw"])
def test_what_a_group_counts_and_what_a_hybrid_keeps_is_kept_as_well(
    optimizer: str, tiny: list[str], train_here: TrainHere
) -> None:
    short = [*tiny, f"optimizer={optimizer}", "scheduler=constant", "scheduler.warmup=0"]
    train_here([*short, "trainer.max_steps=4", "run_dir=source"])
    train_here([*short, *ONE_STEP, "init_from=source", "init_optimizer=kept", "run_dir=run"])
    was, now = (read_checkpoint(Path(name))["optimizer_states"][0] for name in ("source", "run"))
    assert was["state"].keys() == now["state"].keys()
    if optimizer == "schedule_free_adamw":
        assert [group["k"] for group in now["param_groups"]] == [5] * len(now["param_groups"])
    else:
        steps = [state["step"] for state in now["state"].values() if "step" in state]
        assert steps
        assert all(step == 5 for step in steps)


@pytest.mark.parametrize("killed_after", [3, 12])
def test_it_goes_on_bit_for_bit_when_the_other_run_is_gone(
    killed_after: int, tiny: list[str], source: Path, train_here: TrainHere, train_in_child: Train
) -> None:
    shutil.copytree(source, "source")
    run = [*tiny, "init_from=source", "init_optimizer=kept", "trainer.max_steps=16", "seed=2"]
    train_here([*run, "run_dir=unbroken"])
    assert train_in_child([*run, "run_dir=killed"], Fault(step=killed_after)).status == -9
    shutil.rmtree("source")
    run = tuneformer.train(["run_dir=killed"])
    assert run.record.restarts == 1
    assert_same_run(Path("unbroken"), Path("killed"))
    assert run.record.init == read_record(Path("unbroken/record.json")).init


def test_what_it_starts_from_is_part_of_what_a_run_is(tiny: list[str], source: Path, tmp_path: Path) -> None:
    plain = checked_config(tiny)
    assert not [path for path in determining(plain) if path.startswith("init")]
    shutil.copytree(source, tmp_path / "copy")
    configs = [
        plain,
        checked_config([*tiny, f"init_from={source}"]),
        checked_config([*tiny, "init_from=copy"]),  # the same run elsewhere
        checked_config([*tiny, "init_from=copy", "init_optimizer=kept"]),
    ]
    hashes = [config_hash(config) for config in configs]
    assert hashes[1] == hashes[2]
    assert len(set(hashes)) == 3


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["init_from=nowhere"], "init_from=nowhere: nowhere is not a folder"),
        (
            ["model.d_model=32"],
            "init_from=source was trained with model.d_model=16, not 32: the",
        ),
        (["model.positions=alibi"], "init_from=source was trained with model.positions=rope, not alibi"),
        (["attention=sigmoid"], "init_from=source was trained with attention._target_="),
        (["data.tokenizer=characters"], "init_from=source was trained with another tokenizer"),
        (
            ["init_optimizer=kept", "optimizer=lion"],
            "init_from=source was trained with optimizer._target_=torch.optim.AdamW, not",
        ),
        (
            ["init_optimizer=kept", "param_groups=uniform"],
            "init_from=source was trained with param_groups.rules",
        ),
        (
            ["init_optimizer=kept", "init_weights=best"],
            "init_optimizer=kept needs init_weights=last: ",
        ),
        (
            ["init_from=null", "init_optimizer=kept"],
            "init_optimizer=kept needs the run that had it",
        ),
        (
            ["init_from=null", "init_weights=best"],
            "init_weights=best needs the run that had it",
        ),
        (["init_optimizer=old"], "init_optimizer=old must be one of fresh, kept"),
    ],
)
def test_what_cannot_be_started_from_is_refused_and_leaves_nothing(
    overrides: list[str], message: str, tiny: list[str], source: Path, train_here: TrainHere
) -> None:
    Path("source").symlink_to(source)
    with pytest.raises(UserError) as error:
        train_here([*tiny, "init_from=source", "run_dir=run", *overrides])
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert not Path("run").exists()


def test_a_checkpoint_that_was_not_kept_is_told_with_the_one_that_was(tiny: list[str], source: Path) -> None:
    shutil.copytree(source, "copy")
    Path("copy/checkpoints/best.ckpt").unlink()
    with pytest.raises(UserError) as error:
        checked_config([*tiny, "init_from=copy", "init_weights=best"])
    assert str(error.value) == (
        "init_from=copy has no best.ckpt: give a run that kept it, or init_weights=last"
    )


def test_a_run_that_has_not_finished_is_not_started_from(
    tiny: list[str], train_here: TrainHere, train_in_child: Train
) -> None:
    train_in_child([*tiny, "run_dir=source"], Fault(step=9))
    with pytest.raises(
        UserError, match=r"^init_from=source is interrupted: only a finished run can be started"
    ):
        train_here([*tiny, "init_from=source"])


def test_every_way_that_is_offered_for_another_configuration_can_be_gone(
    tiny: list[str], train_here: TrainHere
) -> None:
    trunk = [*tiny, "scheduler=constant"]
    train_here([*trunk, "run_dir=trunk"])
    with pytest.raises(UserError) as longer:
        train_here([*trunk, "trainer.max_steps=40", "run_dir=trunk"])
    assert str(longer.value) == (
        "run_dir=trunk holds a run with another configuration: trainer.max_steps=40 (there: 30);"
        " in another run_dir, with the other settings typed as there:"
        " branch_from=trunk scheduler=wsd scheduler.warmup=3 scheduler.cooldown=10 to cool it down,"
        " or init_from=trunk for a new run that starts from its weights"
    )
    cooldown = ["branch_from=trunk", "scheduler=wsd", "scheduler.warmup=3", "scheduler.cooldown=10"]
    train_here([*trunk, "trainer.max_steps=40", *cooldown, "run_dir=branch"])
    train_here([*trunk, "trainer.max_steps=40", "init_from=trunk", "run_dir=longer"])
    with pytest.raises(UserError) as batch:
        train_here([*trunk, "data.batch_size=8", "run_dir=trunk"])
    assert str(batch.value).endswith(
        "with the other settings typed as there: init_from=trunk for a new run that starts from its weights"
    )
    train_here([*trunk, "data.batch_size=8", "init_from=trunk", "run_dir=wider"])
    with pytest.raises(UserError) as other:
        train_here([*trunk, "model.d_model=32", "run_dir=trunk"])
    assert str(other.value).endswith("model.d_model=32 (there: 16)")
