"""trainer=auto trains as its choice would, keeps it, remembers it and says why."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.conftest import Fault, Train, TrainHere, assert_same_run
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError
from tuneformer.runs.record import read_record
from tuneformer.tasks.language_modelling import LanguageModelling
from tuneformer.training.autotune import measure, resolve
from tuneformer.training.autotune.candidate import Candidate
from tuneformer.training.autotune.measured import Measured
from tuneformer.training.autotune.remembered import RememberedTimings

IN_FLOAT32 = "trainer.precision=32-true"  # half as many ways to train


@pytest.fixture
def auto(tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The overrides of a short run that finds its own settings, with a memory of its own."""
    monkeypatch.setenv("TUNEFORMER_CACHE", str(tmp_path / "machine"))
    monkeypatch.setattr(measure, "HOPELESS", 1000.0)  # the tests beside this one slow a step at random
    monkeypatch.setattr(measure, "TIMED_STEPS", (1, 1))
    return ["trainer=auto", *[line for line in tiny if not line.startswith("trainer.threads")]]


def choice(run: Path) -> Any:
    return read_record(run / "record.json").fastest


def as_overrides(chosen: dict[str, Any]) -> list[str]:
    return [f"trainer.{name}={str(value).lower()}" for name, value in chosen.items()]


def test_a_run_is_the_one_that_its_choice_typed_by_hand_gives(
    auto: list[str], train_here: TrainHere, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_here([*auto, "run_dir=found"])
    made = choice(tmp_path / "found")
    told = capsys.readouterr().err
    assert f"trainer=auto: {' '.join(as_overrides(made['chosen']))}: " in told
    assert "ways to train in" in told
    assert not made["remembered"]
    assert made["default"] == made["measured"][0]["candidate"]
    assert made["measured"][0]["milliseconds"] > 0
    train_here([*auto, *as_overrides(made["chosen"]), "run_dir=typed"])
    assert choice(tmp_path / "typed") is None
    assert_same_run(tmp_path / "found", tmp_path / "typed")
    hardware = read_record(tmp_path / "found" / "record.json").hardware
    assert hardware["threads"] == made["chosen"]["threads"]
    assert hardware["precision"] == made["chosen"]["precision"]


def test_the_machine_remembers_whatever_the_seed_and_the_length_and_measures_anew_what_is_damaged(
    auto: list[str], train_here: TrainHere, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    auto = [*auto, IN_FLOAT32]
    train_here([*auto, "run_dir=one", "trainer.max_steps=4"])
    capsys.readouterr()
    train_here([*auto, "run_dir=two", "seed=1", "optimizer.lr=2e-3", "trainer.max_steps=5"])
    assert "remembered" in capsys.readouterr().err
    assert choice(tmp_path / "two")["remembered"]
    assert choice(tmp_path / "two")["measured"] == choice(tmp_path / "one")["measured"]

    (file,) = (tmp_path / "machine" / "fastest").iterdir()
    file.write_text(file.read_text()[:40])
    train_here([*auto, "run_dir=three", "trainer.max_steps=4"])
    assert not choice(tmp_path / "three")["remembered"]
    assert isinstance(json.loads(file.read_text()), list)


def test_a_run_that_goes_on_keeps_its_choice_whatever_the_machine_remembers(
    auto: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    run = [*auto, "run_dir=run"]
    assert train_in_child(run, Fault(step=22)).status < 0
    before = choice(tmp_path / "run")
    (file,) = (tmp_path / "machine" / "fastest").iterdir()
    remembered = json.loads(file.read_text())
    other = 1 if before["chosen"]["threads"] != 1 else 2
    for row in remembered:  # as if something else were a thousand times as fast
        if row["candidate"]["threads"] == other:
            row["milliseconds"] = 1e-3
    file.write_text(json.dumps(remembered))
    again = train_in_child(run)
    assert again.status == 0
    assert "trainer=auto" not in again.output
    assert choice(tmp_path / "run") == before
    assert read_record(tmp_path / "run" / "record.json").restarts == 1


def test_a_way_whose_loss_is_off_by_more_than_rounding_is_refused(
    auto: list[str], train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve, "available_cores", lambda: 2)
    true_loss = LanguageModelling.loss

    def wrong_with_one_thread(self: LanguageModelling, batch: Any) -> torch.Tensor:
        return true_loss(self, batch) * (1.001 if torch.get_num_threads() == 1 else 1.0)

    monkeypatch.setattr(LanguageModelling, "loss", wrong_with_one_thread)
    train_here([*auto, "run_dir=run", IN_FLOAT32, "trainer.max_steps=4"])
    made = choice(tmp_path / "run")
    assert made["chosen"]["threads"] == 2
    reasons = {row["candidate"]["threads"]: row["refused"] for row in made["measured"]}
    assert reasons[2] is None
    assert "its loss differs by 1.0e-03, more than rounding" in reasons[1]


def test_a_way_that_cannot_train_is_told_and_left_out(
    auto: list[str],
    train_here: TrainHere,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(resolve, "available_cores", lambda: 2)
    true_loss = LanguageModelling.loss

    def broken_with_one_thread(self: LanguageModelling, batch: Any) -> torch.Tensor:
        if torch.get_num_threads() == 1:
            raise RuntimeError("no kernel\nfor this")
        return true_loss(self, batch)

    monkeypatch.setattr(LanguageModelling, "loss", broken_with_one_thread)
    train_here([*auto, "run_dir=run", IN_FLOAT32, "trainer.max_steps=4"])
    assert choice(tmp_path / "run")["chosen"]["threads"] == 2
    assert ": no kernel\n" in capsys.readouterr().err


def test_a_processor_without_bfloat16_does_not_try_it() -> None:
    slow = {torch.bfloat16: 8.0, torch.float32: 0.1}
    assert measure.bfloat16_is_slow(slow.__getitem__) == (
        "a product of bfloat16 matrices takes 80 times as long here as one of float32"
    )
    assert measure.bfloat16_is_slow(lambda _: 1.0) is None


@pytest.mark.parametrize("seconds", [100.0, 200.0])
def test_compilation_is_tried_in_long_runs_only(
    seconds: float, auto: list[str], train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[bool] = []
    measure_truly = measure.Measurer.measure

    def slow(self: measure.Measurer, candidates: list[Candidate]) -> list[Measured]:
        tried.extend(candidate.compile for candidate in candidates)
        plain = measure_truly(self, [replace(candidate, compile=False) for candidate in candidates[:1]])[0]
        times = {"milliseconds": 1e3 * seconds / 4, "first_step_s": 500.0}
        return [replace(plain, candidate=candidate, **times) for candidate in candidates]

    monkeypatch.setattr(measure.Measurer, "measure", slow)
    train_here([*auto, "run_dir=run", "trainer.max_steps=4"])
    assert any(tried) == (seconds > measure.COMPILES_FROM_SECONDS)
    assert choice(tmp_path / "run")["chosen"]["compile"] is False  # 500 s are not won back in 4 steps


def test_each_model_and_training_has_a_memory_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEFORMER_CACHE", str(tmp_path))

    def file_of(*overrides: str, cores: int = 2) -> Path:
        config = check_config(*compose_config(["trainer=auto", *overrides]))
        return RememberedTimings(config, cores=cores, device="cpu").file

    same = {file_of(), file_of("seed=3"), file_of("optimizer.lr=1"), file_of("trainer.max_steps=9000")}
    assert len(same) == 1
    others = [
        file_of(cores=4),
        file_of("model.d_model=64"),
        file_of("data.batch_size=8"),
        file_of("attention=multi_query"),
        file_of("optimizer=muon"),
        file_of("trainer.threads=1"),
    ]
    assert len({*same, *others}) == 1 + len(others)


def test_several_devices_are_refused_in_one_line(auto: list[str], train_here: TrainHere) -> None:
    with pytest.raises(
        UserError, match=r"^trainer.precision=auto is measured in one process, and trainer.dev"
    ):
        train_here([*auto, "trainer.devices=2"])
