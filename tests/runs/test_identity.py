from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.runs.identity import config_hash, determining, differences

pytestmark = pytest.mark.fast

CONF = Path(__file__).parents[2] / "conf"

# Every setting that a hash may leave out, and why it cannot change the weights by more than rounding.
VISIBILITY = [
    "callbacks.checkpoints.every_n_steps=7",
    "logger=none",
    "logger.wandb.project=other",
    "name=other",
    "notes=other",
    "tags=[other]",
    "optimized_metric=test/loss",
    "sweep=other",
    "run_dir=other",
    "trainer.log_every_n_steps=7",
    "trainer.val_check_interval=7",
]
MACHINE = [
    "data.cache_dir=other",
    "data.num_workers=2",
    "data.eval_batch_size=7",
    "trainer.accelerator=cpu",
    "trainer.devices=2",
    "trainer.strategy=ddp",
    "trainer.threads=2",
    "trainer.compile=true",
    "trainer.accumulate_grad_batches=2",
]
WEIGHTS = [
    "seed=1",
    "data.batch_size=8",
    "data.context_length=64",
    "data.tokenizer=characters",
    "data=python_stdlib",
    "model.n_layers=2",
    "model.dropout=0.1",
    "model.initialization=xavier",
    "attention.qk_norm=true",
    "optimizer=adam",
    "optimizer.lr=1e-3",
    "optimizer.betas=[0.9,0.99]",
    "scheduler=linear",
    "scheduler.warmup=0.1",
    "param_groups=uniform",
    "trainer.max_steps=100",
    "trainer.precision=bf16-mixed",
    "trainer.gradient_clip_val=null",
    "trainer.float32_matmul_precision=high",
]


def configured(*overrides: str) -> dict[str, Any]:
    return check_config(*compose_config(overrides))


@pytest.fixture(scope="module")
def default() -> dict[str, Any]:
    return configured()


@pytest.mark.parametrize("override", [*VISIBILITY, *MACHINE])
def test_what_does_not_determine_the_weights_leaves_the_hash_alone(
    default: dict[str, Any], override: str
) -> None:
    changed = configured(override)
    assert changed != default
    assert config_hash(changed) == config_hash(default)
    assert differences(changed, default) == []


@pytest.mark.parametrize("override", WEIGHTS)
def test_what_determines_the_weights_changes_the_hash_and_is_listed(
    default: dict[str, Any], override: str
) -> None:
    changed = configured(override)
    assert config_hash(changed) != config_hash(default)
    assert differences(changed, default) != []


def test_a_size_by_its_name_is_the_size_by_its_numbers() -> None:
    named, counted = (
        check_config(*compose_config(overrides))
        for overrides in (["model.size=tiny"], ["model.n_layers=2", "model.n_heads=4", "model.d_model=64"])
    )
    assert config_hash(named) == config_hash(counted)
    assert not differences(named, counted)


OWN_CALLBACKS = """
from tuneformer.config.callback_facts import CallbackFacts
from tuneformer.training.callbacks.averaging import WeightAverage


class LastHundred(WeightAverage):
    def __init__(self, *, n: int) -> None:
        super().__init__()


class Noise:
    facts = CallbackFacts(determines_weights=True)


class Watcher:
    pass
"""


@pytest.mark.parametrize(
    ("name", "target", "counts"),
    [
        ("mean", "own_averages.LastHundred", True),
        ("noise", "own_averages.Noise", True),
        ("watch", "own_averages.Watcher", False),
        ("averaging", "own_averages.Watcher", True),  # by its name, as such runs were saved
        ("mean", "tuneformer.training.callbacks.averaging.TailAverage", True),
        ("averaging", "not.to.be.found", True),
        ("mean", "not.to.be.found", False),
        ("stop", "pytorch_lightning.callbacks.EarlyStopping", True),
    ],
)
def test_a_callback_counts_by_what_is_known_of_its_class(
    name: str,
    target: str,
    counts: bool,
    default: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "own_averages.py").write_text(OWN_CALLBACKS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TUNEFORMER_ALLOW", "own_averages.*")
    with_callback = deepcopy(default)
    with_callback["callbacks"][name] = {"_target_": target, "n": 100}
    assert (f"callbacks.{name}.n" in determining(with_callback)) == counts
    assert (config_hash(with_callback) != config_hash(default)) == counts


def test_a_hash_does_not_depend_on_the_order_of_the_settings(default: dict[str, Any]) -> None:
    turned = {key: default[key] for key in reversed(default)}
    turned["optimizer"] = {key: default["optimizer"][key] for key in reversed(default["optimizer"])}
    assert list(turned) != list(default)
    assert config_hash(turned) == config_hash(default)


def test_differences_name_both_values_and_what_only_one_has(default: dict[str, Any]) -> None:
    other = deepcopy(default)
    other["seed"] = 3
    other["optimizer"]["extra"] = {"a": 1}
    del other["scheduler"]["floor"]
    assert differences(default, other) == [
        "optimizer.extra.a=absent (there: 1)",
        "scheduler.floor=0.1 (there: absent)",
        "seed=0 (there: 3)",
    ]


def test_the_determining_part_is_flat(default: dict[str, Any]) -> None:
    flat = determining(default)
    assert flat["optimizer.lr"] == default["optimizer"]["lr"]
    assert not any(isinstance(value, dict) and value for value in flat.values())
    assert "trainer.devices" not in flat
