"""Which of Lightning's callbacks work here, and that the others are refused with what does."""

import json
from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning import callbacks, loggers

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.config.lightning_names import CALLBACKS, LOGGERS, NEVER, REFUSED
from tuneformer.errors import UserError
from tuneformer.inference.loading import Run
from tuneformer.training.assembly import build_callback
from tuneformer.training.start import train

LIGHTNING = "pytorch_lightning.callbacks"


@pytest.mark.fast
def test_every_name_of_lightnings_is_decided_on() -> None:
    named = {name.rpartition(".")[2] for name in (*CALLBACKS, *LOGGERS)}
    assert named | set(REFUSED) == {*callbacks.__all__, *loggers.__all__}
    assert not named & set(REFUSED)
    assert set(NEVER) <= set(REFUSED)


def test_those_that_work_change_nothing_that_is_trained(
    small_run: Run, small_settings: list[str], tmp_path: Path
) -> None:
    config = check_config(*compose_config([*small_settings, f"run_dir={tmp_path}/run"]))
    config["callbacks"] |= {
        "stop": {"_target_": f"{LIGHTNING}.EarlyStopping", "monitor": "val/loss"},
        "time": {"_target_": f"{LIGHTNING}.Timer", "duration": {"minutes": 60}},
        "rate": {"_target_": f"{LIGHTNING}.LearningRateMonitor"},
        "summary": {"_target_": f"{LIGHTNING}.ModelSummary"},
        "rich": {"_target_": f"{LIGHTNING}.RichModelSummary"},
    }
    train(config)
    record = json.loads((tmp_path / "run" / "record.json").read_text(encoding="utf-8"))
    assert record["status"] == "finished"
    for loss in ("train/loss", "val/loss", "test/loss"):
        assert record["metrics"]["final"][loss] == small_run.record.final[loss]


@pytest.mark.fast
@pytest.mark.parametrize("duration", ["soon", {"parsecs": 1}, {"seconds": 1e300}])
def test_a_time_that_is_none_is_one_line(duration: Any) -> None:
    with pytest.raises(UserError, match=r"callbacks\.time cannot be built: ") as error:
        build_callback("time", {"_target_": f"{LIGHTNING}.Timer", "duration": duration})
    assert "\n" not in str(error.value)


@pytest.mark.fast
@pytest.mark.parametrize("name", [name for name in NEVER if name in callbacks.__all__])
def test_a_class_of_ones_own_over_a_refused_one_is_refused_as_well(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"own_{name.lower()}.py").write_text(
        f"from {LIGHTNING} import {name}\nclass Own({name}):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TUNEFORMER_ALLOW", f"own_{name.lower()}.*")
    with pytest.raises(UserError) as error:
        build_callback("mine", {"_target_": f"own_{name.lower()}.Own"})
    assert str(error.value).startswith("callbacks.mine is a ")
    assert str(error.value).endswith(f", which does not work here: {REFUSED[name]}")


@pytest.mark.fast
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"_target_": f"{LIGHTNING}.EarlyStopping"}, "callbacks.x.monitor is missing: "),
        (
            {"_target_": f"{LIGHTNING}.EarlyStopping", "monitor": "val/loss", "mode": "least"},
            "callbacks.x cannot be built: `mode` can be ",
        ),
        ({"_target_": f"{LIGHTNING}.Timer", "duration": "soon"}, "callbacks.x cannot be built: "),
        ({"_target_": f"{LIGHTNING}.Timer", "verbos": True}, ".Timer: did you mean verbose?"),
        (
            {"_target_": f"{LIGHTNING}.EarlyStopping", "monitor": "val/loss", "patience": "long"},
            "callbacks.x.patience='long' must be of the type int",
        ),
    ],
)
def test_what_a_callback_does_not_take_is_one_line(settings: dict[str, object], expected: str) -> None:
    with pytest.raises(UserError) as error:
        build_callback("x", settings)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.fast
def test_a_package_that_a_callback_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuneformer.training.assembly.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"^callbacks\.x needs a package that .* pip install psutil$"):
        build_callback("x", {"_target_": f"{LIGHTNING}.DeviceStatsMonitor"})
