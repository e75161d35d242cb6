"""Runs of translation: whole, resumed, and in two processes."""

import signal
from pathlib import Path

import pytest

import tuneformer
from tests.data.pair_settings import write_pair_file
from tests.training.conftest import (
    Fault,
    Train,
    TrainHere,
    assert_same_run,
    check_two_ranks_against_one,
    read_checkpoint,
)
from tuneformer.errors import UserError
from tuneformer.inference.translating import translate
from tuneformer.runs.record import read_record
from tuneformer.tasks.translation_files import read_translations

MODELS = {
    "encoder_decoder": ["model=encoder_decoder", "model.n_layers=1", "model.n_heads=2"],
    "lstm": ["model=lstm", "model.n_layers=2"],
    "additive": ["model=lstm_attention", "model.n_layers=1", "model.score=additive"],
    "multiplicative": ["model=lstm_attention", "model.n_layers=2", "model.score=multiplicative"],
}


@pytest.fixture(scope="session")
def few_pairs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The overrides of a run of 20 steps on three hundred pairs."""
    folder = tmp_path_factory.mktemp("few_pairs")
    return [
        "data=pairs",
        f"data.path={write_pair_file(folder / 'pairs.tsv')}",
        f"data.cache_dir={folder / 'cache'}",
        "data.bpe_vocab_size=280",
        "data.context_length=64",
        "data.batch_size=8",
        "data.beam_size=2",
        "model.d_model=16",
        "callbacks=none",
        "callbacks.checkpoints.every_n_steps=7",
        "logger=none",
        "scheduler.warmup=3",
        "trainer.threads=1",
        "trainer.max_steps=20",
        "trainer.val_check_interval=10",
        "trainer.log_every_n_steps=4",
    ]


@pytest.mark.parametrize("name", MODELS)
def test_every_translator_can_be_watched(name: str, few_pairs: list[str], tmp_path: Path) -> None:
    short = ["callbacks=diagnostics", "trainer.max_steps=4", "trainer.val_check_interval=4"]
    run = tuneformer.train([*few_pairs, *MODELS[name], *short, f"run_dir={tmp_path / 'run'}"])
    seen = {column.split("/")[1].split(".")[0] for column in run.metrics if column.startswith("attention/")}
    expected = {"encoder_decoder": {"encoder", "decoder", "cross"}, "lstm": set[str]()}
    assert seen == expected.get(name, {"cross"})
    assert "curvature/sharpness" in run.metrics


def test_a_run_is_recorded_read_again_and_translates(few_pairs: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run = tuneformer.train(
        [
            *few_pairs,
            *MODELS["encoder_decoder"],
            "callbacks.checkpoints.best_metric=val/bleu",
            f"run_dir={folder}",
        ]
    )
    final = run.record.final
    for split in ("val", "test"):
        assert 0 < final[f"{split}/loss"] < 6
        assert 0 <= final[f"{split}/bleu"] <= 100
        assert 0 <= final[f"{split}/chrf"] <= 100
    assert run.record.seen == 20 * 8
    assert run.record.model["flops_per_example"] > run.record.model["flops_per_token"] > 0
    assert len(read_translations(folder / "translations.tsv")) == run.record.data["pairs"]["test"]
    assert isinstance(translate(run, "the fan is on"), str)
    with pytest.raises(UserError, match=r"--prompt is empty"):
        translate(run, "  ")
    with pytest.raises(UserError, match=r"--prompt has .* tokens: give at most 63"):
        translate(run, "fan 77 " * 40)


@pytest.mark.proof
@pytest.mark.parametrize("model", MODELS)
def test_a_killed_run_ends_as_one_that_never_was(
    model: str, few_pairs: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    run = [*few_pairs, *MODELS[model], "model.dropout=0.1", "trainer.accumulate_grad_batches=2"]
    unbroken = train_in_child([*run, "run_dir=unbroken"])
    assert unbroken.status == 0, unbroken.output
    for fault in (Fault(step=9), Fault(step=10, where="validating"), Fault(step=17)):
        assert train_in_child([*run, "run_dir=killed"], fault).status == -signal.SIGKILL
    assert train_in_child([*run, "run_dir=killed"]).status == 0
    assert_same_run(tmp_path / "unbroken", tmp_path / "killed")
    assert read_record(tmp_path / "killed" / "record.json").restarts == 3


@pytest.mark.proof
def test_two_processes_give_the_rows_of_one(
    few_pairs: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    # each process draws its own dropout
    runs = {model: [*few_pairs, *MODELS[model], "model.dropout=0.0"] for model in MODELS}
    check_two_ranks_against_one(runs, train_here, tmp_path)
    for model in runs:
        one, two = tmp_path / f"one_{model}", tmp_path / f"two_{model}"
        expected, found = (read_checkpoint(folder)["state_dict"] for folder in (one, two))
        for name, weights in expected.items():
            assert (weights - found[name]).abs().max() < 1e-4, name
