from pathlib import Path

import pytest

from tuneformer.checks.config import checked_config
from tuneformer.config.options import list_options, load_option
from tuneformer.config.registry import SHIPPED
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


def write(folder: Path, name: str, text: str) -> None:
    file = folder / "optimizer" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_an_option_builds_on_its_defaults_and_what_stands_later_wins(tmp_path: Path) -> None:
    write(tmp_path, "base", "lr: 1\nbetas: [0.9, 0.95]\nnested: {a: 1, b: 2}\n")
    write(tmp_path, "middle", "defaults: [base, _self_]\nlr: 2\nnested: {b: 3}\n")
    write(tmp_path, "top", "defaults: [middle, _self_]\nbetas: [0.5]\n")
    assert load_option("optimizer", "top", [tmp_path]) == {
        "lr": 2,
        "betas": [0.5],
        "nested": {"a": 1, "b": 3},
    }


def test_self_before_the_defaults_gives_them_the_last_word(tmp_path: Path) -> None:
    write(tmp_path, "base", "lr: 1\n")
    write(tmp_path, "first", "defaults: [_self_, base]\nlr: 2\neps: 3\n")
    assert load_option("optimizer", "first", [tmp_path]) == {"lr": 1, "eps": 3}


def test_without_self_a_file_stands_above_its_defaults(tmp_path: Path) -> None:
    write(tmp_path, "base", "lr: 1\n")
    write(tmp_path, "above", "defaults: [base]\nlr: 2\n")
    assert load_option("optimizer", "above", [tmp_path]) == {"lr": 2}


def test_interpolations_and_missing_values_stay_as_they_are_written(tmp_path: Path) -> None:
    write(tmp_path, "open", "a: ${data.vocab_size}\nb: ???\nc: null\n")
    assert load_option("optimizer", "open", [tmp_path]) == {"a": "${data.vocab_size}", "b": "???", "c": None}


def test_the_first_folder_that_has_an_option_gives_it(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    write(mine, "adam", "lr: 1\n")
    write(theirs, "adam", "lr: 2\n")
    write(theirs, "sgd", "lr: 3\n")
    assert load_option("optimizer", "adam", [mine, theirs]) == {"lr": 1}
    assert load_option("optimizer", "sgd", [mine, theirs]) == {"lr": 3}
    assert list_options("optimizer", [mine, theirs]) == ["adam", "sgd"]


def test_an_option_that_no_folder_has_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"optimizer/none\.yaml"):
        load_option("optimizer", "none", [tmp_path])


def test_a_file_that_others_are_made_of_is_no_option() -> None:
    assert (SHIPPED / "model" / "_transformer.yaml").is_file()
    assert "_transformer" not in list_options("model", [SHIPPED])
    with pytest.raises(UserError, match=r"^model=_transformer must be one of decision_transformer, "):
        checked_config(["model=_transformer"])
