from pathlib import Path

import pytest

from tuneformer.config.compose import compose_choices, compose_config
from tuneformer.config.messages import COMPOSING_ERRORS, check_choices, one_line
from tuneformer.errors import UserError

CONF = Path(__file__).parents[2] / "conf"

pytestmark = pytest.mark.fast


def told(*overrides: str) -> str:
    with pytest.raises(COMPOSING_ERRORS) as error:
        compose_config(overrides)
    line = str(one_line(error.value, compose_choices(overrides)))
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "optimizer=adamx",
            "optimizer=adamx is not an option (did you mean adam?); the options are adabelief,",
        ),
        ("experiment=smoek", "experiment=smoek is not an option (did you mean smoke?); the options are"),
        ("attention=xyzzy", "attention=xyzzy is not an option; the options are block_local, "),
        ("optimzer=adamw", "optimzer is not a setting: did you mean optimizer?"),
        ("optimizer.lrr=1", "optimizer.lrr is not a setting: did you mean optimizer.lr?"),
        ("optimzer.lr=1", "optimzer.lr is not a setting: did you mean optimizer.lr?"),
        ("sede=1", "sede is not a setting: did you mean seed?"),
        ("model.n_layer=1", "model.n_layer is not a setting: did you mean model.n_layers?"),
        ("callbacks.checkpoints.every_n_step=1", "did you mean callbacks.checkpoints.every_n_steps?"),
        ("seed=a", "seed=a must be a whole number"),
        ("seed=1.5", "seed=1.5 must be a whole number"),
        ("seed=null", "seed=null must be a whole number"),
        ("tags=word", "tags=word must be a list of names, such as [a,b]"),
        ("run_dir=[1]", "run_dir=[1] must be text"),
        ("optimizer=adam,sgd", "optimizer=adam,sgd has several values: add --multirun to train each of them"),
        ("seed=0,1", "seed=0,1 has several values: add --multirun"),
        ("~callbacks.sampel", "~callbacks.sampel drops nothing: did you mean ~callbacks.sample?"),
        ("~callbacks.sample=3", "~callbacks.sample drops it whatever it is: give no value"),
        ("~xyzzy", "~xyzzy drops nothing: there are data, model, "),
        ("seed=range(1,4)", "seed=range(1,4) has several values: add --multirun"),
        ("+seed=3", "+seed=3 adds what is there: write seed=3"),
        ("++seed=x", "seed=x must be a whole number"),
        ("word", "word is not an override: write setting=value"),
        ("optimizer.lr=[1", "optimizer.lr=[1 is not an override: write setting=value"),
        ("run_dir=a/seed=1", "run_dir=a/seed=1 is not an override: write \"run_dir='a/seed=1'\": text of"),
    ],
)
def test_each_complaint_names_the_setting_its_value_and_what_is_allowed(override: str, expected: str) -> None:
    assert expected in told(override)


def test_a_setting_of_a_part_that_was_dropped_is_not_called_misspelt() -> None:
    line = told("~callbacks.sample", "callbacks.sample.n_tokens=4")
    assert (
        line == "callbacks.sample.n_tokens cannot be set: another override or a file drops callbacks.sample"
    )


def test_settings_of_another_option_are_not_offered_for_a_likeness_of_their_group() -> None:
    line = told("optimizer=sgd", "optimizer.amsgrad=true")
    assert line.startswith("optimizer.amsgrad is not a setting: there are dampening, fused, lr, momentum,")


def test_the_nearest_name_is_looked_for_in_the_chosen_option() -> None:
    assert told("scheduler=step", "scheduler.gama=0.5").endswith("did you mean scheduler.gamma?")
    assert "gamma" not in told("scheduler=cosine", "scheduler.gama=0.5")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sede: 3", "sede is not a setting: did you mean seed? (in experiment/mine.yaml)"),
        ("seed: x", "seed=x must be a whole number (in experiment/mine.yaml)"),
        ("optimizer: 3", "optimizer=3 must be a group of settings (in experiment/mine.yaml)"),
        ("optimizer: {lr: 1\n  eps: [", "mine.yaml, line 3, is not YAML: "),
        (
            "defaults:\n  - override /optimizer: adamx",
            "optimizer=adamx is not an option (did you mean adam?)",
        ),
    ],
)
def test_what_is_wrong_in_an_experiment_file_is_one_line_too(
    tmp_path: Path, text: str, expected: str
) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{text}\n", encoding="utf-8")
    with pytest.raises(COMPOSING_ERRORS) as error:
        compose_config(["experiment=mine"], tmp_path)
    line = str(one_line(error.value, compose_choices([])))
    assert expected in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "option", ["", "null", "3", "-1.5", "1e3", "nan", "-INF", "[adam]", "{a: 1}", "true"]
)
def test_what_cannot_be_the_name_of_an_option_is_refused_before_hydra_sees_it(option: str) -> None:
    with pytest.raises(UserError) as error:
        check_choices(["seed=3", f"optimizer={option}"])
    assert str(error.value) == f"optimizer={option} is not a choice: write optimizer=<the name of an option>"


def test_a_number_of_more_digits_than_python_reads_is_refused_before_hydra_sees_it() -> None:
    with pytest.raises(UserError, match=r"^model\.n_layers=10+\.\.\. must fit into 64 bits"):
        check_choices(["seed=3", "model.n_layers=1" + "0" * 5000])


@pytest.mark.parametrize(
    "argument",
    ["optimizer=adam", "optimizer=adam,adamw", "optimizer=choice(adam,sgd)", "name=3", "seed=null", "--cfg"],
)
def test_what_may_be_a_choice_passes(argument: str) -> None:
    check_choices([argument])


def test_without_a_known_configuration_an_unknown_setting_is_still_one_line() -> None:
    with pytest.raises(COMPOSING_ERRORS) as error:
        compose_config(["optimizer.lrr=1"])
    assert str(one_line(error.value, None)).startswith("optimizer.lrr is not a setting")
