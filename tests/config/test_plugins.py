"""Installed packages that bring options: found without being imported, and allowed to name what they have."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tuneformer.analysis.diagnosis.rules import RULES as RULES_OF_OURS
from tuneformer.analysis.diagnosis.rules import all_rules
from tuneformer.checks.config import checked_config
from tuneformer.config import plugins
from tuneformer.config.plugins import MEASURES, RULES, plugin_folders, plugin_objects, plugin_packages
from tuneformer.config.registry import allowed_by_user
from tuneformer.errors import UserError
from tuneformer.measures.measure import Measure
from tuneformer.measures.registry import MEASURES as MEASURES_OF_OURS
from tuneformer.measures.registry import all_measures
from tuneformer.runs.provenance import own_sources

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_project"

pytestmark = pytest.mark.fast

SCHEDULE = """
def halves(step: int, *, horizon: int) -> float:
    return 0.5 ** step
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    package = tmp_path / "somebodys"
    (package / "conf" / "scheduler").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "rates.py").write_text(SCHEDULE)
    (package / "conf" / "scheduler" / "halves.yaml").write_text(
        "# Half the rate at each step.\n_target_: somebodys.rates.halves\n_partial_: true\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [EntryPoint(name="a", value=value, group=plugins.GROUP) for value in ("somebodys", "no.package")]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)
    plugin_packages.cache_clear()
    yield "somebodys"
    plugin_packages.cache_clear()
    for name in [name for name in sys.modules if name.startswith("somebodys")]:
        del sys.modules[name]


def test_a_plugin_is_found_without_being_imported(plugin: str, tmp_path: Path) -> None:
    assert plugin_packages() == (plugin,)
    assert plugin_folders() == [tmp_path / plugin / "conf"]
    assert plugin not in sys.modules


def test_an_option_of_a_plugin_is_chosen_as_any_other(plugin: str) -> None:
    config = checked_config(["scheduler=halves"])
    assert config["scheduler"]["_target_"] == "somebodys.rates.halves"
    with pytest.raises(UserError, match=r"^scheduler\.speed is not a setting of scheduler=halves"):
        checked_config(["scheduler=halves", "+scheduler.speed=2"])


def test_what_a_plugin_may_name_is_its_own(plugin: str) -> None:
    assert allowed_by_user("somebodys.rates.halves") == "somebodys.*"
    assert allowed_by_user("somebody.rates.halves") is None


def test_without_plugins_there_are_no_further_folders() -> None:
    assert plugin_folders() == []


def test_measures_and_rules_stand_in_a_module_of_the_package(plugin: str, tmp_path: Path) -> None:
    (tmp_path / plugin / "plugins.py").write_text("MEASURES = (3,)\n")
    assert plugin_objects(MEASURES, int) == (3,)
    assert plugin_objects(RULES, int) == ()
    with pytest.raises(UserError, match=r"^somebodys\.plugins\.MEASURES is no tuple of Measure$"):
        plugin_objects(MEASURES, Measure)


def test_those_of_a_folder_are_found_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    keys, names = {each.key for each in MEASURES_OF_OURS}, {each.name for each in RULES_OF_OURS}
    assert ({each.key for each in all_measures()}, {each.name for each in all_rules()}) == (keys, names)
    monkeypatch.setenv("TUNEFORMER_ALLOW", "own.*, other.module.Thing, missing.*")
    assert {each.key for each in all_measures()} == keys | {"spread"}
    assert {each.name for each in all_rules()} == names | {"lone_weights"}
    assert own_sources({"callbacks": {"spread": {"_target_": "own.spread.Spread"}}}).keys() == {"own"}
