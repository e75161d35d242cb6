"""What no optimizer can be built from is one line, and leaves no run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

ANY = ["optimizer=any", "optimizer._target_=torch.optim.Adamax"]
ONE_RULE = "{name: a, pattern: norm, lr_multiplier: 1.0, weight_decay_multiplier: 1.0}"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["optimizer=any"], "optimizer._target_ is missing: optimizer=any needs optimizer._target_=<value>"),
        (
            ["optimizer=any", "optimizer._target_=torch.optim.Nope"],
            "optimizer._target_=torch.optim.Nope is no optimizer: torch.optim has Adafactor,",
        ),
        (
            ["optimizer=any", "optimizer._target_=pytorch_optimizer.Nope"],
            "optimizer._target_=pytorch_optimizer.Nope is no optimizer: pytorch_optimizer has ADOPT,",
        ),
        (
            ["optimizer=any", "optimizer._target_=os.system"],
            "optimizer._target_=os.system is not what an optimizer may be: ",
        ),
        (
            [*ANY, "optimizer.bettas=[0.9,0.9]"],
            "optimizer.bettas is not a setting of torch.optim.adamax.Adamax: did you mean betas?",
        ),
        ([*ANY, "optimizer.eps=-1.0"], "optimizer.eps=-1.0 must be positive"),
        (
            ["optimizer=any", "optimizer._target_=torch.optim.Muon"],
            "optimizer=torch.optim.Muon cannot be built: Muon only supports 2D parameters",
        ),
        (
            ["optimizer=muon", "param_groups=uniform"],
            "optimizer.matrices trains hidden matrices, and no rule of param_groups with hidden_matrices",
        ),
        (
            ["optimizer=sam", "trainer.accumulate_grad_batches=2"],
            "trainer.accumulate_grad_batches=2 must be 1 with SAM",
        ),
        (
            ["optimizer=sam", "trainer.precision=16-mixed"],
            "trainer.precision=16-mixed does not go with SAM",
        ),
        (
            ["optimizer=soap", "trainer=fsdp", "trainer.devices=2"],
            "trainer.strategy=fsdp does not go with SOAP, which needs whole tensors",
        ),
        (
            ["param_groups.rules.0.pattern=zzz"],
            "param_groups.rules[0].pattern=zzz (group norms_and_biases) matches no parameter",
        ),
        (
            [f"param_groups.rules=[{ONE_RULE}]"],
            "param_groups.rules cover no parameter token_embedding.weight: add a rule for it",
        ),
        (
            ["param_groups.weight_decay_kind=weird"],
            "param_groups.weight_decay_kind=weird must be one of own, l2, decoupled, independent, cautious",
        ),
        (
            ["scheduler=wsd", "scheduler.warmup=0", "scheduler.cooldown=3"],
            "scheduler.cooldown=3 (3 steps) and scheduler.warmup=0 (0 steps) leave no stable step",
        ),
        (
            ["optimizer=schedule_free_adamw", "scheduler=warmup", "callbacks=ema"],
            "callbacks.averaging does not go with AdamWScheduleFree, which averages by itself",
        ),
        (
            ["callbacks=tail_average", "callbacks.averaging.start=1.0"],
            "callbacks.averaging.start=1.0 must be at least 0 and below 1",
        ),
    ],
)
def test_a_faulty_optimizer_is_one_line_and_leaves_no_run(
    overrides: list[str], message: str, command: Command, small_settings: list[str], tmp_path: Path
) -> None:
    answer = command("train.py", *small_settings, "run_dir=run", *overrides)
    assert (answer.status, answer.out) == (2, [])
    assert answer.err[-1].startswith(f"error: {message}")
    assert len(answer.err) == 1
    assert not (tmp_path / "run").exists()


def test_a_decaying_schedule_under_a_schedule_free_method_is_a_warning_with_the_reason(
    command: Command, small_settings: list[str]
) -> None:
    answer = command("train.py", *small_settings, "optimizer=schedule_free_adamw", "run_dir=run")
    assert answer.status == 0
    assert answer.err[0].startswith(
        "warning: scheduler cosine lowers the rate, and AdamWScheduleFree averages"
    )


def test_any_class_trains_with_its_own_arguments(command: Command, small_settings: list[str]) -> None:
    for target in ("torch.optim.Adamax", "pytorch_optimizer.Tiger", "torch.optim.RMSprop"):
        chosen = ["optimizer=any", f"optimizer._target_={target}", "optimizer.lr=1e-3", f"run_dir={target}"]
        assert command("train.py", *small_settings, *chosen).status == 0
