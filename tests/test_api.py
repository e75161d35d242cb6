from pathlib import Path

import pytest
import torch

import tuneformer
from tuneformer.errors import UserError
from tuneformer.inference.loading import Run


def test_train_makes_a_run_directory_and_loads_what_came_of_it(small_settings: list[str]) -> None:
    run = tuneformer.train([*small_settings, "name=mine", "seed=1"])
    assert run.path.parent == Path("outputs/runs")
    assert run.path.name.endswith("_mine")
    assert run.record.status == "finished"
    assert run.config["seed"] == 1


def test_train_in_the_folder_of_a_finished_run_returns_that_run(
    small_run: Run, small_settings: list[str]
) -> None:
    before = (small_run.path / "record.json").stat().st_mtime_ns
    again = tuneformer.train([*small_settings, f"run_dir={small_run.path}"])
    assert (small_run.path / "record.json").stat().st_mtime_ns == before
    for name, weight in small_run.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], weight)


def test_two_runs_of_one_seed_are_equal_and_of_two_seeds_are_not(
    small_run: Run, small_settings: list[str]
) -> None:
    same, other = (tuneformer.train([*small_settings, f"seed={seed}"]) for seed in (0, 1))
    weights = [run.model.state_dict() for run in (small_run, same, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not torch.equal(weights[0]["token_embedding.weight"], weights[2]["token_embedding.weight"])


def test_options_of_the_working_directory_are_used_only_where_they_are_asked_for(
    small_settings: list[str], tmp_path: Path
) -> None:
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "train.yaml").write_text("of somebody else", encoding="utf-8")
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text(
        "# @package _global_\nseed: 5\n", encoding="utf-8"
    )
    with pytest.raises(UserError, match=r"^experiment=mine is an option of conf in this folder, which"):
        tuneformer.train([*small_settings, "experiment=mine"])
    run = tuneformer.train([*small_settings, "experiment=mine"], config_dir="conf")
    assert run.config["seed"] == 5


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("optimizer=adamx", "optimizer=adamx is not an option (did you mean adam?)"),
        ("optimizer=3", "optimizer=3 is not a choice"),
        ("optimizer.lrr=1", "optimizer.lrr is not a setting: did you mean optimizer.lr?"),
        ("model.d_model=15", "model.d_model=15 must be a multiple of model.n_heads=2"),
        ("data.path=none", "data.path=none does not exist"),
        (
            "callbacks.sample.prompt=ZZ",
            "callbacks.sample.prompt holds 'Z', which the training text does not",
        ),
        ("trainer.accelerator=tpu", "trainer.accelerator=tpu trainer.devices=1"),
    ],
)
def test_bad_input_raises_one_line_and_leaves_no_run(
    small_settings: list[str], override: str, expected: str
) -> None:
    with pytest.raises(UserError) as error:
        tuneformer.train([*small_settings, "data.tokenizer=characters", "callbacks=default", override])
    assert str(error.value).startswith(expected)
    assert "\n" not in str(error.value)
    assert not list(Path().glob("outputs/runs/*"))
