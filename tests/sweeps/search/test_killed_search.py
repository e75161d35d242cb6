"""A search that is killed at random moments comes to what an undisturbed one does."""

import math
from pathlib import Path
from typing import Any

import optuna
import pytest

from tests.sweeps.processes import Start, finish_under_kills, records_of
from tuneformer.training.trial_storage import open_storage

N_TRIALS = 8
LINE = [
    f"hydra.sweeper.n_trials={N_TRIALS}",
    "trainer.max_steps=150",
    "trainer.val_check_interval=50",
    "callbacks.checkpoints.every_n_steps=20",
    "model.dropout=0.1",
]


def trials_of(sweep: str) -> dict[int, tuple[str, dict[str, Any], float | None]]:
    """Number -> state, values drawn and what they came to, by the study's own database."""
    storage = open_storage(f"sqlite:///{Path('outputs/sweeps', sweep, 'trials.db').resolve()}")
    study = optuna.load_study(study_name=f"{sweep}/all", storage=storage)
    return {trial.number: (trial.state.name, trial.params, trial.value) for trial in study.get_trials()}


@pytest.mark.proof
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("launcher", "sampler", "kills"),
    [("local", "halton", 5), ("local", "tpe", 3), ("serial", "random", 4)],
)
def test_a_search_killed_at_random_moments_has_its_trials_each_finished_once(
    start: Start, launcher: str, sampler: str, kills: int
) -> None:
    line = [f"launcher={launcher}", f"search={sampler}", *LINE]
    line += ["launcher.n_jobs=2"] if launcher == "local" else []
    if sampler == "tpe":
        line += ["search.startup_trials=3"]  # so that the others depend on what these came to
    struck = finish_under_kills(lambda: start(*line), kills=kills, seed=1)
    assert "launcher" in struck
    found = trials_of("mine")
    assert list(found) == list(range(N_TRIALS))
    assert {state for state, _, _ in found.values()} == {"COMPLETE"}
    records = records_of("mine")
    assert sorted(record["search"]["trial"] for record in records.values()) == list(range(N_TRIALS))
    assert {record["status"] for record in records.values()} == {"finished"}
    assert sum(record["restarts"] for record in records.values()) > 0
    for record in records.values():
        value = found[record["search"]["trial"]][2]
        assert value is not None
        assert math.isfinite(value)
        assert value == record["metrics"]["final"]["val/loss"]
    if sampler != "tpe":  # its draws depend on the order in which the trials end
        undisturbed = start(*line, sweep="undisturbed")
        undisturbed.communicate(timeout=600)
        assert undisturbed.returncode == 0
        assert found == trials_of("undisturbed")
