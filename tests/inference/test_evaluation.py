import math
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tuneformer.errors import UserError
from tuneformer.inference.evaluation import available_device, evaluate, prepare_again
from tuneformer.inference.loading import Run

CPU = torch.device("cpu")


@pytest.mark.parametrize(("split", "prefix"), [("validation", "val"), ("test", "test")])
def test_a_split_has_the_losses_that_training_recorded(small_run: Run, split: str, prefix: str) -> None:
    final = small_run.record.final
    values = evaluate(small_run, split=split, device=CPU)
    assert values == {name: pytest.approx(final[f"{prefix}/{name}"], rel=1e-9) for name in values}
    assert values.keys() == {"loss", "perplexity", "bits_per_byte"}


def test_the_training_split_can_be_evaluated_and_bytes_have_the_bits_of_their_nats(small_run: Run) -> None:
    values = evaluate(small_run, split="train", device=CPU)
    assert values["perplexity"] == pytest.approx(math.exp(values["loss"]))
    assert values["bits_per_byte"] == pytest.approx(values["loss"] / math.log(2))


def test_an_unknown_split_is_one_line(small_run: Run) -> None:
    with pytest.raises(UserError, match=r"^--split=dev must be one of train, validation, test$"):
        evaluate(small_run, split="dev", device=CPU)


def test_weights_that_are_not_finite_are_one_line_and_no_figures(small_run: Run) -> None:
    broken = deepcopy(small_run.model)
    with torch.no_grad():
        broken.get_parameter("blocks.0.attention.key.weight")[0, 0] = torch.nan
    with pytest.raises(UserError) as raised:
        evaluate(replace(small_run, model=broken), split="test", device=CPU)
    assert str(raised.value).startswith(f"{small_run.path} has weights that are not finite: 1 of the ")
    assert "numbers of blocks.0.attention.key.weight are NaN or infinite" in str(raised.value)


def test_another_text_than_the_run_was_trained_on_is_refused(small_run: Run, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("something else entirely. " * 40, encoding="utf-8")
    data = {**small_run.config["data"], "path": str(tmp_path / "other.txt")}
    with pytest.raises(UserError, match="was trained on other data than its settings give now"):
        prepare_again(replace(small_run, config={**small_run.config, "data": data}))


def test_a_received_run_writes_into_no_folder_but_a_cache(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, stray, known = tmp_path / "mine", tmp_path / "stray", tmp_path / "known"
    monkeypatch.setenv("TUNEFORMER_CACHE", str(mine))
    (known / "sources").mkdir(parents=True)
    (known / "sources" / ("0" * 64)).write_text("{}", encoding="utf-8")
    (stray / "sources" / "mine").mkdir(parents=True)
    (stray / "downloads").mkdir()

    def prepare_in(folder: Path) -> None:
        data = {**small_run.config["data"], "cache_dir": str(folder)}
        prepare_again(replace(small_run, config={**small_run.config, "data": data}))

    prepare_in(stray)
    assert {each.name for each in stray.iterdir()} == {"sources", "downloads"}
    assert (mine / "tokens").is_dir()
    prepare_in(known)
    assert (known / "tokens").is_dir()


def test_data_that_would_be_kept_in_the_working_directory_is_refused(small_run: Run) -> None:
    data = {**small_run.config["data"], "cache_dir": ""}
    with pytest.raises(UserError, match=r"config\.yaml: data\.cache_dir is empty: give a path"):
        prepare_again(replace(small_run, config={**small_run.config, "data": data}))


@pytest.mark.parametrize("name", ["nothing", "cuda:77", "meta:x"])
def test_a_device_that_is_not_there_is_one_line(name: str) -> None:
    with pytest.raises(UserError) as error:
        available_device(name)
    assert str(error.value).startswith(f"--device={name} is not there (cpu always is): ")
    assert "\n" not in str(error.value)
    assert available_device("cpu") == CPU
