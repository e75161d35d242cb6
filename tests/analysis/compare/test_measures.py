"""Measures beside the loss, on runs whose measures are known."""

from dataclasses import replace

import pytest

from tests.analysis.compare.trials import trial, trials
from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.design import understand
from tuneformer.analysis.compare.measures import ComparedMeasure, measure
from tuneformer.analysis.compare.selection import select
from tuneformer.analysis.compare.trial import Trial

pytestmark = pytest.mark.fast

LOSS = Criterion(choose="val/loss", report="val/loss", lower_is_better=True)


def with_measures(base: Trial, **columns: float) -> Trial:
    return replace(base, metrics={**base.metrics, **columns})


def measured(each: list[Trial]) -> dict[str, ComparedMeasure]:
    results = select(each, understand(trials(each), by=[]), LOSS)
    return {found.name: found for found in measure(results, LOSS)}


def runs() -> list[Trial]:
    """AdamW's largest logit is 10 + seed, Muon's 30 + seed, and the loss rises with it."""
    return [
        with_measures(
            trial(name, seed=seed, val=2.0 + (logit + seed) / 100),
            **{
                "attention/decoder.0.0/entropy": 0.2,
                "attention/decoder.0.1/entropy": 0.4,
                "attention/decoder.0.0/largest_logit": 1.0,
                "attention/decoder.1.1/largest_logit": logit + seed,
                "weight_norm/matrices": 3.0,
                "weight_norm/embeddings": 4.0,
            },
        )
        for name, logit in (("adamw", 10.0), ("muon", 30.0))
        for seed in (0, 1, 2)
    ]


def test_columns_become_one_number_a_run_and_an_interval_a_method() -> None:
    found = measured(runs())
    assert [*found] == ["entropy, mean of heads", "largest logit", "weight norm"]
    logits = found["largest logit"].estimates
    assert (logits["adamw"].mean, logits["muon"].mean) == (11.0, 31.0)
    assert logits["adamw"].deviation == pytest.approx(1.0)
    assert found["entropy, mean of heads"].estimates["muon"].mean == pytest.approx(0.3)
    assert found["weight norm"].estimates["muon"].mean == pytest.approx(5.0)


def test_what_goes_with_the_loss_is_told_and_what_does_not_change_is_not() -> None:
    found = measured(runs())
    assert found["largest logit"].with_loss.rho == 1
    assert found["largest logit"].with_loss.n == 6
    assert found["weight norm"].with_loss.rho != found["weight norm"].with_loss.rho


def test_a_method_without_the_measure_and_a_run_that_diverged_have_no_part() -> None:
    each = [*runs(), *(trial("lion", seed=seed, val=3.0) for seed in (0, 1, 2))]
    each.append(with_measures(trial("sgd", val=float("inf")), grad_norm=5.0))
    found = measured(each)
    assert {*found["largest logit"].estimates} == {"adamw", "muon"}
    assert found["largest logit"].with_loss.n == 6
    assert measured([trial("adamw"), trial("muon")]) == {}
