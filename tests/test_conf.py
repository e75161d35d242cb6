"""Every file of conf/: it composes, and it fits what it builds."""

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.config.described import described_arguments, description_of
from tuneformer.config.open_options import OPEN
from tuneformer.config.options import list_options, load_option
from tuneformer.config.registry import Place, check_targets, is_order
from tuneformer.config.schema import GROUPS
from tuneformer.config.setting import arguments_of
from tuneformer.models.block import BLOCKS
from tuneformer.models.feed_forward import FEED_FORWARDS
from tuneformer.models.initialization import SCHEMES
from tuneformer.models.norms import NORMS
from tuneformer.models.settings import DecoderSettings

CONF = Path(__file__).parents[1] / "conf"
OPTIONS = [(group, option) for group in GROUPS for option in list_options(group, [CONF])]
EXPERIMENTS = list_options("experiment", [CONF])
OWN_MODULE = ("model", "module")
EXAMPLE = CONF.parent / "examples" / "own_project"

# What the framework itself gives when it builds an option.
GIVEN_AT_RUN_TIME = {
    "model": {"attention"},
    "optimizer": {"params"},
    "scheduler": {"step", "horizon"},
    "logger": {"directory", "first_step", "run_config"},
}
GIVEN_BY_THE_OPTION_AROUND = {
    "matrices": {"params", "lr", "weight_decay"},
    "others": {"params", "lr", "weight_decay"},
    "base": {"params", "lr", "weight_decay"},
}


def needed_by(group: str, option: str) -> list[str]:
    """What an option cannot do without."""
    needed = {
        ("data", "text"): ["data.path=file"],
        ("data", "hf"): ["data.path=file"],
        ("data", "idx"): ["data.path=folder", "model=vit"],
        ("data", "digits"): ["model=vit", "model.patch_size=2"],
        ("data", "mnist"): ["model=vit"],
        ("data", "language_id"): ["model=encoder"],
        ("data", "regression"): ["model=vector_decoder"],
        ("model", "decoder_mup"): ["param_groups=mup"],
        ("model", "encoder"): ["data=language_id"],
        ("data", "pairs"): ["data.path=file", "model=encoder_decoder"],
        ("data", "trajectories"): ["model=decision_transformer"],
        ("data", "translation"): ["model=encoder_decoder"],
        **{
            ("model", name): ["data=trajectories"]
            for name in ("decision_transformer", "lstm_policy", "mlp_policy")
        },
        **{("model", name): ["data=translation"] for name in ("encoder_decoder", "lstm", "lstm_attention")},
        ("model", "hf"): ["model.config=llama"],
        ("model", "module"): ["model.target=own.gpt.GPT"],
        ("model", "vector_decoder"): ["data=regression"],
        ("model", "vit"): ["data=digits"],
        ("param_groups", "mup"): ["model=decoder_mup"],
        ("optimizer", "any"): ["optimizer._target_=torch.optim.Adamax"],
        ("scheduler", "wsd"): ["scheduler.warmup=0"],  # two steps: a stable one and a cooldown
    }
    return needed.get((group, option), [])


def components(node: Any, place: Place) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Each part of an option that names what is built, or that stands for its whole group."""
    if isinstance(node, dict):
        if "_target_" in node or place == ("search",):
            yield place, node
        for key, value in node.items():
            yield from components(value, (*place, key))


def described(group: str, option: str) -> bool:
    """Whether every component of an option says what it can be set to."""
    nodes = list(components(load_option(group, option, [CONF]), (group,)))
    return all(described_arguments(place, node) or not keys_of(node) for place, node in nodes)


def keys_of(node: dict[str, Any]) -> set[str]:
    return {key for key in node if not is_order(key)}


def parameters_of(place: Place, node: dict[str, Any]) -> dict[str, inspect.Parameter]:
    """The named parameters of what is built, or of its settings object; *args and **kwargs are none."""
    module, _, name = node["_target_"].rpartition(".")
    found = getattr(importlib.import_module(module), name)
    signature = inspect.signature(found)
    if "settings" in signature.parameters and (described := description_of(place, node)):
        signature = inspect.signature(described)
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {key: each for key, each in signature.parameters.items() if each.kind in named}


@pytest.fixture(autouse=True)
def own_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class of the user's own may be named."""
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.setenv("TUNEFORMER_ALLOW", "own.*")


@pytest.mark.fast
def test_every_file_of_conf_is_an_option_of_a_known_group() -> None:
    found = [file for file in CONF.rglob("*.yaml") if not file.stem.startswith("_")]
    files = {str(file.relative_to(CONF).with_suffix("")) for file in found}
    known = {f"{group}/{option}" for group, option in OPTIONS}
    assert files == known | {f"experiment/{name}" for name in EXPERIMENTS} | {"train"}
    assert len(OPTIONS) > 25


@pytest.mark.fast
@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_composes_and_passes_the_checks(group: str, option: str) -> None:
    config = check_config(*compose_config([f"{group}={option}", *needed_by(group, option)]))
    assert config[group].keys() == load_option(group, option, [CONF]).keys()


@pytest.mark.fast
@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_key_of_an_option_is_a_named_parameter_and_none_is_forgotten(group: str, option: str) -> None:
    settings = load_option(group, option, [CONF])
    if (group, option) == OWN_MODULE:
        assert tuple(settings) == OPEN[OWN_MODULE]
        return
    check_targets({group: settings})
    for place, node in components(settings, (group,)):
        arguments, target = described_arguments(place, node), node.get("_target_", "???")
        if target == "???":
            assert keys_of(node) <= arguments.keys() | {"lr"}
            continue
        path = place[-1] if len(place) > 1 else ""
        if arguments:
            outside = GIVEN_BY_THE_OPTION_AROUND.get(path, set())
            assert keys_of(node) == arguments.keys() - outside, place
        parameters = parameters_of(place, node)
        keys = keys_of(node)
        given = GIVEN_BY_THE_OPTION_AROUND.get(path, GIVEN_AT_RUN_TIME.get(group, set()))
        assert keys <= parameters.keys() - given, path
        if target.startswith("tuneformer."):
            assert parameters.keys() - given == keys, path
            later = {name for name, each in arguments.items() if each.setting.added_later}
            assert all(parameters[key].default is None for key in later), "runs from before have no such key"
            with_default = {key for key in keys if parameters[key].default is not inspect.Parameter.empty}
            defaults = with_default - later
            assert not defaults, f"{path}: the default of {defaults} belongs into the file alone"


@pytest.mark.fast
@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_says_what_it_can_be_set_to(group: str, option: str) -> None:
    values = {key for key in load_option(group, option, [CONF]) if not is_order(key)}
    assert not values or described(group, option) or (group, option) in OPEN


@pytest.mark.fast
@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_file_says_what_it_is_and_explains_its_numbers(group: str, option: str) -> None:
    lines = (CONF / group / f"{option}.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    if described(group, option):  # its components explain them
        assert not [line for line in lines if "#" in line and not line.lstrip().startswith("# ")]
    elif group == "attention":
        assert [line for line in lines if re.match(r"[a-z]\w*: ", line) and " # " not in line] in (
            [],
            [line for line in lines if line.startswith("defaults: ")],
        )


@pytest.mark.fast
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_composes_and_passes_the_checks(name: str) -> None:
    check_config(*compose_config([f"experiment={name}"]))


@pytest.mark.fast
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_sets_nothing_that_would_leak_into_every_method(name: str) -> None:
    content = OmegaConf.to_container(OmegaConf.load(CONF / "experiment" / f"{name}.yaml"))
    assert isinstance(content, dict)
    assert content.get("optimizer", {}) == {}
    assert content.get("scheduler", {}).keys() <= {"warmup", "floor"}


@pytest.mark.fast
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_opens_with_its_question_cost_result_and_command(name: str) -> None:
    lines = (CONF / "experiment" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# @package _global_"
    header = [line for line in lines if line.startswith("#")]
    for word in ("Question:", "Cost:", "Expected:", "Command:"):
        assert sum(line.startswith(f"# {word}") for line in header) == 1
    assert f"experiment={name}" in next(line for line in header if "Command:" in line)


@pytest.mark.fast
def test_the_words_that_the_checks_allow_are_those_that_the_models_know() -> None:
    known = {
        "block": BLOCKS,
        "feed_forward": FEED_FORWARDS,
        "initialization": SCHEMES,
        "norm": NORMS,
    }
    arguments = arguments_of(DecoderSettings)
    assert {name: arguments[name].setting.allowed for name in known} == {
        name: tuple(words) for name, words in known.items()
    }


# what trains: each option once, and each word that a setting can be
