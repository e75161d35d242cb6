import os
from pathlib import Path
from typing import Any

import pytest

from tuneformer.checks.config import check_config, checked_config, resolve
from tuneformer.config.compose import compose_config
from tuneformer.data.text.text_data import LANGUAGE_MODELLING
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

CORES = os.cpu_count() or 1


def checked(*overrides: str) -> dict[str, Any]:
    return check_config(*compose_config(overrides))


def told(*overrides: str) -> str:
    with pytest.raises(UserError) as error:
        checked(*overrides)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_default_passes_as_plain_values_with_a_name() -> None:
    config = checked()
    assert config["name"] == "adamw-cosine"
    assert config["model"]["context_length"] == config["data"]["context_length"] == 128
    assert type(config["optimizer"]["betas"]) is list
    assert checked("name=mine")["name"] == "mine"


@pytest.mark.parametrize("dropped", ["~callbacks.sample", "callbacks.sample=null", "file"])
def test_one_part_of_the_callbacks_or_loggers_can_be_dropped(dropped: str, tmp_path: Path) -> None:
    whole, overrides = checked(), [dropped, "~logger.wandb"]
    if dropped == "file":
        (tmp_path / "experiment").mkdir()
        (tmp_path / "experiment" / "short.yaml").write_text(
            "# @package _global_\ncallbacks: {sample: null}\nlogger: {wandb: null}\n", encoding="utf-8"
        )
        overrides = ["experiment=short"]
    config = checked_config(overrides, tmp_path)
    assert list(config["callbacks"]) == [part for part in whole["callbacks"] if part != "sample"]
    assert config["logger"] == {}


def test_infinity_passes_where_it_switches_something_off() -> None:
    assert checked("optimizer=prodigy")["optimizer"]["growth_rate"] == float("inf")
    assert checked(f"seed={2**63 - 1}")["seed"] == 2**63 - 1


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["~callbacks.checkpoints"], "callbacks.checkpoints cannot be dropped: it keeps the run safe"),
        (["callbacks.checkpoints=null"], "callbacks.checkpoints cannot be dropped: it keeps the run safe"),
        (["~callbacks.sample.prompt"], "callbacks.sample.prompt is missing: callbacks=default needs it"),
        (
            ["+callbacks.samples=null"],
            "callbacks.samples is not a setting of callbacks=default: did you mean",
        ),
        (["~callbacks"], "callbacks is missing: choose one of default, "),
        (["~seed"], "seed is missing: give seed=<value>"),
        (
            ["model.norm=rmsnorm"],
            "model.norm=rmsnorm must be one of rms_norm, layer_norm (did you mean rms_norm?)",
        ),
        (["data.tokenizer=words"], "data.tokenizer=words must be one of bytes, characters, bpe"),
        (["trainer.precision=fp16"], "trainer.precision=fp16 must be one of 32-true, bf16-mixed, bf16-true,"),
        (
            ["trainer.accelerator=gpuu"],
            "trainer.accelerator=gpuu must be one of auto, cpu, gpu, cuda, mps, tpu",
        ),
        (
            ["trainer=fsdp", "callbacks=ema"],
            "trainer.strategy=fsdp does not go with callbacks.averaging: choose ddp",
        ),
        (["trainer.strategy=dpp"], "trainer.strategy=dpp must be one of auto, ddp,"),
        (["logger.wandb.mode=on"], "logger.wandb.mode=on must be one of offline, online, disabled"),
        (
            ["optimized_metric=val/los"],
            "optimized_metric=val/los must be one of "
            + ", ".join(LANGUAGE_MODELLING.metric_names(averaged=False)),
        ),
        (  # logged beside the loss of an average alone
            ["optimized_metric=val/last_weights_loss"],
            "optimized_metric=val/last_weights_loss must be one of val/loss, val/perplexity, val/b",
        ),
        (
            ["callbacks.checkpoints.best_metric=loss"],
            "callbacks.checkpoints.best_metric=loss must be one of val/",
        ),
        # what no number may be, and ranges
        (["callbacks.sample.temperature=inf"], "callbacks.sample.temperature=inf must be a finite number"),
        (["callbacks.sample.temperature=nan"], "callbacks.sample.temperature=nan must be a finite number"),
        (["callbacks.sample.temperature=-1"], "callbacks.sample.temperature=-1 must be 0 or more"),
        (["callbacks.sample.top_k=0"], "callbacks.sample.top_k=0 must be at least 1"),
        (["callbacks.sample.prompt="], "callbacks.sample.prompt is empty: give at least one character"),
        (["callbacks.progress.every_n_seconds=0"], "callbacks.progress.every_n_seconds=0 must be positive"),
        (
            ["callbacks.attention_probe.snapshots=1"],
            "callbacks.attention_probe.snapshots=1 must be 0 or at least 2",
        ),
        (
            ["callbacks=ema", "callbacks.averaging.decay=1"],
            "callbacks.averaging.decay=1 must be above 0 and below 1",
        ),
        (
            ["callbacks=diagnostics", "callbacks.gradient_noise.examples=1"],
            "callbacks.gradient_noise.examples=1 must be at least 2",
        ),
        (["trainer.gradient_clip_val=inf"], "trainer.gradient_clip_val=inf must be a finite number"),
        (["trainer.max_steps=1e10"], "trainer.max_steps=10000000000.0 must be a whole number"),
        (["trainer.max_steps=inf"], "trainer.max_steps=inf must be a whole number"),
        (["optimizer.betas=[nan,0.9]"], "optimizer.betas=[nan,0.9]: each must be at least 0 and below 1"),
        (["scheduler.warmup=nan"], "scheduler.warmup=nan must be a finite number"),
        (["seed=-1"], "seed=-1 must be 0 or more"),
        ([f"seed={2**70}"], f"seed={2**70} must fit into 64 bits: at most {2**63 - 1}"),
        (
            ["optimizer=muon", "optimizer.matrices.ns_steps=0"],
            "optimizer.matrices.ns_steps=0 must be at least",
        ),
        (["optimizer=prodigy", "optimizer.d_coef=-1"], "optimizer.d_coef=-1 must be positive"),
        (["logger.wandb.project=a/b"], "logger.wandb.project=a/b must have 1 to 128 characters, none of / "),
        (["logger.wandb.project="], "logger.wandb.project= must have 1 to 128 characters"),
        ([f"tags=[{'x' * 65}]"], f"tags=[{'x' * 65}] must have 1 to 64 characters each with logger=wandb"),
        # numbers
        (["trainer.max_steps=0"], "trainer.max_steps=0 must be at least 1"),
        (["trainer.max_steps=-5"], "trainer.max_steps=-5 must be at least 1"),
        (["data.batch_size=0"], "data.batch_size=0 must be at least 1"),
        (
            ["data.num_workers=100000"],
            f"data.num_workers=100000 must be at most {32 * CORES}, 32 for each core",
        ),
        (
            [f"data.batch_size={10**12}"],
            f"data.batch_size={10**12} must be at least 1 and at most 100,000,000",
        ),
        (
            [f"data.bpe_vocab_size={10**12}"],
            f"data.bpe_vocab_size={10**12} must be at least 1 and at most 10,000,000",
        ),
        (["tags=[[a]]"], "tags=[['a']] must be a list of words"),
        (["data.batch_size=-32"], "data.batch_size=-32 must be at least 1"),
        (["data.context_length=0"], "data.context_length=0 must be at least 1"),
        (["model.n_layers=0"], "model.n_layers=0 must be at least 1"),
        (["model.d_ff=0"], "model.d_ff=0 must be at least 1"),
        (["trainer.devices=0"], "trainer.devices=0 must be at least 1"),
        (["trainer.gradient_clip_val=0"], "trainer.gradient_clip_val=0 must be positive"),
        (["trainer.gradient_clip_val=nan"], "trainer.gradient_clip_val=nan must be a finite number"),
        (["model.positions=partial_rope", "model.rope_fraction=0"], "model.rope_fraction=0 must be above 0"),
        (["model.positions=yarn", "model.rope_scale=0.5"], "model.rope_scale=0.5 must be at least 1"),
        (["model.positions=t5", "model.t5_buckets=2"], "model.t5_buckets=2 must be at least 4"),
        (["model.positions=t5", "model.t5_max_distance=16"], "model.t5_max_distance=16 must be above half"),
        (
            ["model.positions=alibi", "attention=linear"],
            "model.positions=alibi is a bias on attention logits, and attention=linear has none: choose one",
        ),
        (["attention=delta_rule", "model.positions=t5"], "model.positions=t5 is a bias on attention logits"),
        (["attention=retention", "model.positions=t5"], "model.positions=t5 is a bias on attention logits"),
        (
            ["attention=gated_linear", "model.positions=alibi"],
            "model.positions=alibi is a bias on attention logits, and attention=gated_linear has none",
        ),
        (
            ["attention=grouped_query", "attention.n_key_value_heads=3"],
            "attention.n_key_value_heads=3 must divide model.n_heads=4",
        ),
        (
            ["attention=grouped_query", "attention.n_key_value_heads=8"],
            "attention.n_key_value_heads=8 must divide model.n_heads=4",
        ),
        (
            ["attention=grouped_query", "attention.n_key_value_heads=0"],
            "attention.n_key_value_heads=0 must be at least 1",
        ),
        (["attention=sliding_window", "attention.window=0"], "attention.window=0 must be at least 1"),
        (["attention=block_local", "attention.block=0"], "attention.block=0 must be at least 1"),
        (["attention=first_tokens_window", "attention.n_first=0"], "attention.n_first=0 must be at least 1"),
        (["attention=top_k", "attention.k=0"], "attention.k=0 must be at least 1"),
        (["attention.logit_soft_cap=0"], "attention.logit_soft_cap=0 must be positive"),
        (["attention.value_residual=1.5"], "attention.value_residual=1.5 must be from 0 to 1"),
        (
            ["attention.cosine=true", "attention.qk_norm=true"],
            "attention.qk_norm=true does not go with attention.cosine=true",
        ),
        (["attention.cosine=true", "attention.scale=1"], "attention.scale=1 does not go with attention."),
        (
            ["attention=differential", "model.d_model=36", "model.positions=none"],
            "model.d_model=36 must be a multiple of 2 x model.n_heads=4 with attention=differential",
        ),
        (
            ["attention=differential", "model.d_model=24"],
            "model.positions=rope rotates pairs: the head dimension must be even, not 3",
        ),
        (
            ["attention=multi_head_latent", "attention.rotary_dim=3"],
            "model.positions=rope rotates pairs: the head dimension must be even, not 3",
        ),
        (
            ["attention=multi_head_latent", "model=decoder_mup", "param_groups=mup"],
            "attention=multi_head_latent has widths that do not follow model.d_model",
        ),
        (["model.rope_base=-1"], "model.rope_base=-1 must be positive"),
        (["model.dropout=1"], "model.dropout=1 must be at least 0 and below 1"),
        (["model.dropout=nan"], "model.dropout=nan must be a finite number"),
        (["optimizer.lr=0"], "optimizer.lr=0 must be positive"),
        (["optimizer.lr=-1e-3"], "optimizer.lr=-0.001 must be positive"),
        (["optimizer.lr=inf"], "optimizer.lr=inf must be a finite number"),
        (["optimizer.weight_decay=-1"], "optimizer.weight_decay=-1 must be a number, 0 or greater"),
        (["optimizer.betas=[0.9,1.0]"], "optimizer.betas=[0.9,1.0]: each must be at least 0 and below 1"),
        # several groups
        (
            ["scheduler.warmup=2000", "trainer.max_steps=1000"],
            "scheduler.warmup=2000 must be shorter than the run (trainer.max_steps=1000)",
        ),
        (
            ["scheduler.warmup=600"],
            "scheduler.warmup=600 must be shorter than the run (trainer.max_steps=600)",
        ),
        (["scheduler=exponential", "scheduler.floor=0"], "scheduler.floor=0 must be greater than 0"),
        (["model.d_model=130"], "model.d_model=130 must be a multiple of model.n_heads=4"),
        (
            ["model.d_model=36", "model.n_heads=4"],
            "model.positions=rope rotates pairs: the head dimension must be even, not 9",
        ),
        (
            ["model.context_length=64"],
            "data.context_length=128 must be at most model.context_length=64, the positions",
        ),
        (
            ["optimizer._target_=torch.optim.SGD"],
            "optimizer._target_=torch.optim.SGD is not what optimizer=adamw stands for (torch.optim.AdamW)",
        ),
        (["model.vocab_size=7"], "model.vocab_size=7 cannot be set: it follows from data"),
        (["trainer.devices=all"], "trainer.devices=all must be a whole number or auto"),
        (
            ["trainer.accelerator=cpu", f"trainer.devices={CORES + 1}"],
            f"trainer.devices={CORES + 1} is more than the {CORES} CPU cores of this machine",
        ),
        (
            ["data.batch_size=10", "trainer.accumulate_grad_batches=4"],
            "data.batch_size=10 must be a multiple of 4: trainer.devices=1 x trainer.num_nodes=1"
            " x trainer.accumulate_grad_batches=4",
        ),
        (
            ["data.batch_size=9", "trainer.num_nodes=2"],
            "data.batch_size=9 must be a multiple of 2: trainer.devices=1 x trainer.num_nodes=2",
        ),
        # keys
        (
            ["+optimizer.foo=1"],
            "optimizer.foo is not a setting of optimizer=adamw: there are amsgrad, betas,",
        ),
        (["+sede=1"], "sede is not a setting: did you mean seed?"),
        (["seed=???"], "seed is missing: give seed=<value>"),
        (["data=text"], "data.path is missing: data=text needs data.path=<value>"),
        (["~optimizer"], "optimizer is missing: choose one of adabelief, adafactor, adam,"),
        (["~optimizer.lr"], "optimizer.lr is missing: optimizer=adamw needs it"),
        (["optimizer.lr=${nope}"], "optimizer.lr: Interpolation key 'nope' not found"),
        (
            ["optimizer._target_=os.system"],
            "optimizer._target_=os.system is not what an optimizer may be: ",
        ),
        (
            ["param_groups.rules=[{name: a, pattern: '[', lr_multiplier: 1, weight_decay_multiplier: 1}]"],
            "param_groups.rules[0].pattern=[ is no regular expression",
        ),
    ],
)
def test_what_cannot_be_trained_is_one_line_that_says_why(overrides: list[str], expected: str) -> None:
    assert told(*overrides).startswith(expected)


@pytest.mark.parametrize(
    "overrides",
    [
        ["model.d_model=36", "model.n_heads=4", "model.positions=learned"],
        ["model.context_length=256"],
        ["model.dropout=0"],
        ["scheduler.warmup=0"],
        ["scheduler.warmup=599"],
        ["trainer.gradient_clip_val=null"],
        ["trainer.devices=auto", "data.batch_size=7"],
        ["data.batch_size=12", "trainer.accumulate_grad_batches=4"],
        ["callbacks.checkpoints.best_metric=null"],
        ["seed=0"],
    ],
)
def test_the_edge_of_what_is_allowed_passes(overrides: list[str]) -> None:
    checked(*overrides)


def test_nothing_is_clamped_or_mended() -> None:
    config, hydra = compose_config(["model.d_ff=null", "optimizer.lr=1e-30", "scheduler.warmup=599"])
    assert check_config(config, hydra) == {**resolve(config), "name": "adamw-cosine"}
