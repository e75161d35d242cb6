"""Every rule finds its planted fault, and finds nothing in the healthy neighbour."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.diagnosis.planted import HEALTHY, STEPS, Column, healthy_loss, plant, rate
from tuneformer.analysis.diagnosis.diagnose import diagnose
from tuneformer.analysis.diagnosis.evidence import read_evidence
from tuneformer.analysis.diagnosis.finding import Finding
from tuneformer.analysis.diagnosis.rules import RULES

pytestmark = pytest.mark.fast


def from_half(before: float, after: float) -> Column:
    """One value up to the middle of the run, another behind it."""
    return lambda share: before if share <= 0.5 else after


def heads(measure: str, column: Column) -> dict[str, Column]:
    """The same curve for every head."""
    return {name: column for name in HEALTHY if name.endswith(f"/{measure}")}


def memorised(share: float) -> float:
    """Falls to 2.0 at a tenth of the run, and rises by as much again."""
    return 3.0 - 10 * share if share <= 0.1 else 2.0 + 2 * (share - 0.1)


def spiked(share: float) -> float:
    """Two rows half a nat above the curve."""
    return healthy_loss(share) + 0.5 * (share in (0.5, 0.7))


# rule -> how it is planted, and what it must say: severity, first step, override
FAULTS: dict[str, tuple[Mapping[str, Any], tuple[str, int, str | None]]] = {
    "vanishing_gradients": (
        {"columns": {f"grad_norm/decoder.{n}": lambda _, n=n: 0.3 * 10.0 ** (n - 11) for n in range(12)}},
        ("warning", 10, "model.block=pre_norm"),
    ),
    "exploding_gradients": (
        {"columns": {"grad_norm": from_half(1.0, 500.0)}, "changes": {"trainer.gradient_clip_val": None}},
        ("warning", 210, "trainer.gradient_clip_val=1.0"),
    ),
    "clipping_always_on": (
        {"columns": {"grad_norm": lambda _: 4.0}},
        ("info", 10, "trainer.gradient_clip_val=4.0"),
    ),
    "entropy_collapse": (
        {"columns": heads("entropy", from_half(0.8, 0.01))},
        ("warning", 210, "attention.qk_norm=true"),
    ),
    "logit_blow_up": (
        {"columns": {"attention/decoder.1.0/largest_logit": from_half(5.0, 300.0)}},
        ("warning", 210, "attention.qk_norm=true"),
    ),
    "attention_sinks": (
        {"columns": heads("sink_rate", from_half(0.2, 0.7))},
        ("info", 210, "attention=learned_sink"),
    ),
    "dead_heads": (
        {"columns": {"attention/decoder.0.1/importance": lambda _: 0.0}},
        ("info", 10, None),
    ),
    "rank_collapse": (
        {"columns": {"residual/decoder.1/rank_collapse": from_half(0.9, 0.001)}},
        ("error", 210, "model.block=pre_norm"),
    ),
    "dead_units": (
        {"columns": {"units/decoder.0/dead": from_half(0.1, 0.8)}},
        ("warning", 210, "model.feed_forward=swiglu"),
    ),
    "untrained_embeddings": (
        {
            "columns": {"embedding/untrained": lambda _: 0.4},
            "changes": {"model.tie_embeddings": False},
        },
        ("info", 10, "model.tie_embeddings=true"),
    ),
    "over_fitting": ({"val": memorised}, ("error", 40, "model.dropout=0.1")),
    "under_fitting": (
        {"columns": {"train/loss": lambda share: 5.0 - 2 * share}},
        ("info", 300, f"trainer.max_steps={2 * STEPS}"),
    ),
    "spikes": ({"columns": {"train/loss": spiked}}, ("warning", 200, "optimizer.lr=0.001")),
    "evaluation_noise": (
        {"val": lambda share: 2.1 + 0.05 * (-1) ** round(10 * share)},
        ("info", 200, "callbacks=ema"),
    ),
    "lr_too_high": (
        {"columns": {"train/loss": lambda share: 5.0 + 3 * math.sin(math.pi * share)}},
        ("error", 30, "optimizer.lr=0.00067"),
    ),
    "lr_too_low": (
        {"columns": {"update_ratio/matrices": lambda _: 1e-3}},
        ("warning", 10, "optimizer.lr=0.02"),
    ),
    "warmup_too_short": (
        {
            "columns": {"train/loss": lambda share: healthy_loss(share) + 4 * (share == 0.1)},
            "changes": {"scheduler.warmup": 0},
        },
        ("warning", 40, "scheduler.warmup=39"),
    ),
    "schedule_ends_high": (
        {"columns": {"lr/matrices": lambda _: 0.002}},
        ("warning", STEPS, "scheduler=wsd"),
    ),
    "weight_decay_absent": (
        {
            "columns": {"weight_decay/matrices": lambda _: 0.0},
            "val": lambda share: healthy_loss(share) + 0.5 * share**0.2,
            "changes": {"optimizer.weight_decay": 0.0},
        },
        ("warning", STEPS, "optimizer.weight_decay=0.1"),
    ),
    "weight_decay_too_strong": (
        {
            "columns": {
                "weight_decay/matrices": lambda _: 10.0,
                "weight_norm/matrices": lambda share: 5.0 * math.exp(-share),
            },
            "changes": {"optimizer.weight_decay": 10.0},
        },
        ("warning", 20, "optimizer.weight_decay=1.0"),
    ),
    "data_repeated": ({"record": {"epochs": 16.0}}, ("info", 100, "model.dropout=0.1")),
}


def found(run: Path) -> dict[str, Finding]:
    """What all rules say of it; none of them may be blind."""
    diagnosis = diagnose(read_evidence(run))
    assert diagnosis.blind == {}
    return {finding.rule: finding for finding in diagnosis.findings}


def test_every_rule_has_a_planted_fault() -> None:
    assert {rule.name for rule in RULES} == set(FAULTS)


@pytest.mark.parametrize("rule", FAULTS)
def test_a_planted_fault_is_found(rule: str, tmp_path: Path) -> None:
    fault, (severity, since, override) = FAULTS[rule]
    finding = found(plant(tmp_path / "run", **fault))[rule]
    assert (finding.severity, finding.since, finding.override) == (severity, since, override)
    assert finding.why
    assert finding.evidence


def test_a_healthy_run_has_no_finding(tmp_path: Path) -> None:
    assert found(plant(tmp_path / "run")) == {}


def test_a_run_that_diverged_is_an_error_whatever_was_measured(tmp_path: Path) -> None:
    record = {"status": "diverged", "error": "train/loss is not finite at step 7"}
    finding = found(plant(tmp_path / "run", record=record))["lr_too_high"]
    assert finding.severity == "error"
    assert "at step 7" in finding.evidence


def test_updates_that_wander_like_a_random_walk_are_too_large(tmp_path: Path) -> None:
    columns = {"update_ratio/matrices": lambda share: (share * STEPS) ** -0.5}
    finding = found(plant(tmp_path / "run", columns=columns))["lr_too_high"]
    assert (finding.severity, finding.measured) == ("warning", pytest.approx(1.0))
    straight = {"update_ratio/matrices": lambda share: 1 / (share * STEPS)}
    assert "lr_too_high" not in found(plant(tmp_path / "straight", columns=straight))


def test_gradients_that_grow_towards_the_input_explode(tmp_path: Path) -> None:
    columns = {"grad_norm/decoder.0": lambda _: 1e3}
    finding = found(plant(tmp_path / "run", columns=columns))["exploding_gradients"]
    assert finding.measured == pytest.approx(1e3 / 0.52)


def test_what_passes_by_is_no_lasting_fault(tmp_path: Path) -> None:
    columns = {
        **heads("entropy", from_half(0.01, 0.8)),
        **heads("largest_logit", from_half(300.0, 5.0)),
        "residual/decoder.1/rank_collapse": from_half(0.01, 0.9),
    }
    assert found(plant(tmp_path / "run", columns=columns)) == {}


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("vanishing_gradients", {"model.block": "pre_norm", "model.initialization": "depth_scaled"}),
        ("attention_sinks", {"attention._target_": "x.LearnedSinkAttention"}),
        ("data_repeated", {"model.dropout": 0.1}),
    ],
)
def test_what_is_set_already_is_not_proposed(rule: str, changes: Mapping[str, Any], tmp_path: Path) -> None:
    fault, _ = FAULTS[rule]
    assert found(plant(tmp_path / "run", **{**fault, "changes": changes}))[rule].override is None


def test_the_next_candidate_is_proposed_where_the_first_is_set(tmp_path: Path) -> None:
    fault, _ = FAULTS["logit_blow_up"]
    changes = {"attention.qk_norm": True}
    finding = found(plant(tmp_path / "run", **fault, changes=changes))["logit_blow_up"]
    assert finding.override == "optimizer.lr=0.00067"


def test_a_schedule_that_stays_high_is_no_fault_where_weights_are_averaged(tmp_path: Path) -> None:
    columns = {"lr/matrices": lambda _: rate(0.0)}
    for number, changes in enumerate(
        ({"callbacks.averaging": {}}, {"optimizer._target_": "schedulefree.AdamWScheduleFree"})
    ):
        assert found(plant(tmp_path / str(number), columns=columns, changes=changes)) == {}
