"""What the diagnosis does with what is missing, and that its overrides exist."""

from pathlib import Path

import pytest

from tests.analysis.diagnosis.planted import plant
from tests.analysis.diagnosis.test_rules import FAULTS
from tuneformer.analysis.diagnosis.diagnose import closing_lines, diagnose
from tuneformer.analysis.diagnosis.evidence import read_evidence
from tuneformer.analysis.diagnosis.rules import WATCHED
from tuneformer.config.compose import compose_choices
from tuneformer.config.options import list_options
from tuneformer.errors import UserError

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.fast


def test_rules_without_evidence_are_silent_and_say_what_would_give_it(tmp_path: Path) -> None:
    blind = diagnose(read_evidence(plant(tmp_path / "run", without="attention/"))).blind
    assert set(blind) == {"entropy_collapse", "logit_blow_up", "attention_sinks", "dead_heads"}
    assert all(text.endswith(WATCHED) for text in blind.values())
    blind = diagnose(read_evidence(plant(tmp_path / "unvalidated", val=None))).blind
    assert blind["over_fitting"] == "val/loss was not logged: trainer.val_check_interval=100"


def test_what_is_set_already_is_not_proposed(tmp_path: Path) -> None:
    """A model without attention has none to measure; a short run needs more rows, not another callback."""
    watched = {"callbacks.attention_probe.examples": 4}
    none = plant(tmp_path / "none", without="attention/", changes=watched)
    blind = diagnose(read_evidence(none)).blind
    assert blind["entropy_collapse"] == (
        "attention/*/entropy was not logged: callbacks.attention_probe finds none in this model"
    )
    few = plant(tmp_path / "few", val=None, without="val/", changes=watched | {"trainer.max_steps": 4000})
    assert "callbacks=default" not in str(diagnose(read_evidence(few)).blind)


def test_findings_are_sorted_by_severity_and_step(tmp_path: Path) -> None:
    columns = {
        name: of
        for rule in ("rank_collapse", "dead_units")
        for name, of in FAULTS[rule][0]["columns"].items()
    }
    run = plant(tmp_path / "run", columns=columns, record={"epochs": 16.0})
    rules = [finding.rule for finding in diagnose(read_evidence(run)).findings]
    assert rules == ["rank_collapse", "dead_units", "data_repeated"]


def test_every_override_is_one_that_exists() -> None:
    config = compose_choices([])
    assert config is not None
    overrides = [override for _, (_, _, override) in FAULTS.values() if override is not None]
    for key, value in (part.split("=") for override in overrides for part in override.split()):
        if "." in key:
            group, _, setting = key.partition(".")
            assert setting in config[group], key
        else:
            assert value in list_options(key, [ROOT / "conf"]), key


def test_what_a_rule_may_propose_beyond_the_first_exists_as_well() -> None:
    for group, options in {"callbacks": ("ema", "tail_average"), "attention": ("learned_sink",)}.items():
        assert {*options} <= {*list_options(group, [ROOT / "conf"])}
    config = compose_choices([])
    assert config is not None
    for group, setting in (
        ("model", "initialization"),
        ("attention", "logit_soft_cap"),
        ("model", "n_heads"),
    ):
        assert setting in config[group]


def test_the_end_of_a_run_gets_two_lines_or_none(tmp_path: Path) -> None:
    assert closing_lines(plant(tmp_path / "healthy")) == []
    assert closing_lines(plant(tmp_path / "only_info", record={"epochs": 16.0})) == []
    run = plant(tmp_path / "run", **FAULTS["rank_collapse"][0])
    first, second = closing_lines(run)
    assert first == (
        "diagnosis (1 errors, 0 warnings): rank collapse since step 210, try model.block=pre_norm"
    )
    assert second == f"evidence and reasons: tuneformer diagnose {run}"


def test_a_directory_that_cannot_be_read_is_a_line(tmp_path: Path) -> None:
    run = plant(tmp_path / "run")
    (run / "metrics.csv").write_text("step,train/loss\n", encoding="utf-8")
    with pytest.raises(UserError, match="has no rows: nothing was measured before the run was finished"):
        read_evidence(run)
    (run / "metrics.csv").write_text("step,train/loss\n?,1\n", encoding="utf-8")
    with pytest.raises(UserError, match="is damaged at line 2"):
        read_evidence(run)
    (run / "metrics.csv").unlink()
    with pytest.raises(UserError, match=r"has no metrics\.csv"):
        read_evidence(run)
    with pytest.raises(UserError, match="is not a folder"):
        read_evidence(tmp_path / "nowhere")
