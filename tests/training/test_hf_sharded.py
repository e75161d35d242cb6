"""Models of transformers in two processes with sharded weights: they train as one process does."""

from pathlib import Path

import pytest

from tests.training.conftest import read_checkpoint, repeatable_rows
from tests.training.test_sharded_checkpoints import KEPT, assert_close, cut_off
from tests.training.two_ranks import train_in_two_ranks
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.runs.record import read_record
from tuneformer.training.start import train

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]

SMALL = ("model=hf", "model.n_layers=2", "model.n_heads=2", "model.d_model=16", KEPT)
SENTENCES = ("data=language_id", "data.languages=[de,fr]", "data.context_length=16", "data.batch_size=4")
MODELS = {
    "llama": ("model.config=llama", "model.keys.num_key_value_heads=1"),
    "gpt2": ("model.config=gpt2",),
    "bert": ("model.config=bert",),
}


@pytest.fixture(scope="module")
def ran(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of runs by model: of one process; <model>_in_two; and <model>_gone_on, its second half."""
    folder = tmp_path_factory.mktemp("ran")
    of_run = [each for each in tiny if not each.startswith(("data", "model."))]
    of_text = [each for each in tiny if each.startswith("data")]
    in_two = {}
    for name, architecture in MODELS.items():
        run = [*of_run, *(SENTENCES if name == "bert" else of_text), *SMALL, *architecture]
        train(check_config(*compose_config([*run, f"run_dir={folder / name}"])))
        in_two[f"{name}_in_two"] = [*run, "trainer=fsdp"]
    train_in_two_ranks(in_two, folder)
    for name in MODELS:
        cut_off(folder / f"{name}_in_two", folder / f"{name}_gone_on")
    train_in_two_ranks({f"{name}_gone_on": in_two[f"{name}_in_two"] for name in MODELS}, folder)
    return folder


@pytest.mark.parametrize("name", MODELS)
def test_two_sharded_processes_train_as_one(name: str, ran: Path) -> None:
    assert_close(ran / name, ran / f"{name}_in_two")
    hardware = read_record(ran / f"{name}_in_two" / "record.json").hardware
    assert (hardware["devices"], hardware["strategy"]) == (2, "ShardedStrategy")


@pytest.mark.parametrize("name", MODELS)
def test_broken_off_they_go_on_to_the_same_bits(name: str, ran: Path) -> None:
    whole, gone_on = ran / f"{name}_in_two", ran / f"{name}_gone_on"
    assert read_record(gone_on / "record.json").restarts == 1
    assert repeatable_rows(whole) == repeatable_rows(gone_on)
    weights, others = (read_checkpoint(run)["state_dict"] for run in (whole, gone_on))
    assert list(weights) == list(others)
    assert all(weights[each].equal(others[each]) for each in weights)
