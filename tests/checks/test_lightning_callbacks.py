"""Lightning's callbacks are added by typing them, and what they would wait for in vain is told at once."""

from pathlib import Path

import pytest

from tuneformer.checks.config import checked_config
from tuneformer.checks.run_overrides import with_run_settings
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory

pytestmark = pytest.mark.fast

STOP = "_target_:pytorch_lightning.callbacks.EarlyStopping"
TIMER = "_target_:pytorch_lightning.callbacks.Timer"
RATES = "_target_:pytorch_lightning.callbacks.LearningRateMonitor"
SAMPLE = "_target_:tuneformer.training.callbacks.sample.TextSample"


def test_a_callback_is_added_whole_or_by_its_settings() -> None:
    whole = checked_config([f"+callbacks.stop={{{STOP},monitor:val/loss,patience:2}}"])
    stop = STOP.replace(":", "=")
    apart = checked_config(
        [f"+callbacks.stop.{stop}", "+callbacks.stop.monitor=val/loss", "+callbacks.stop.patience=2"]
    )
    assert whole["callbacks"] == apart["callbacks"]
    assert whole["callbacks"]["stop"]["patience"] == 2


def test_a_run_goes_on_with_the_callback_that_was_added_to_it(tmp_path: Path) -> None:
    config = checked_config(["callbacks=none", f"+callbacks.stop={{{STOP},monitor:val/loss}}"])
    directory = RunDirectory(tmp_path / "run")
    directory.path.mkdir()
    directory.write_config(config)
    again = checked_config(with_run_settings([f"run_dir={directory}"]))
    assert again["callbacks"] == config["callbacks"]


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        (f"{{{STOP},monitor:val/los}}", "callbacks.x.monitor=val/los must be one of val/"),
        (f"{{{STOP},monitor:loss}}", "callbacks.x.monitor=loss must be one of val/"),
        (
            f"{{{STOP},monitor:val/loss,check_on_train_epoch_end:true}}",
            "callbacks.x.check_on",
        ),
        (
            f"{{{TIMER},duration:{{hours:1}},interval:epoch}}",
            "callbacks.x.interval=epoch does not work",
        ),
        (
            f"{{{RATES},logging_interval:epoch}}",
            "callbacks.x.logging_interval=epoch does not work",
        ),
        ("{prompt:a}", "callbacks.x is not a setting of callbacks=default"),
        (f"{{{SAMPLE},prompt:a,n_tokens:5,temperature:1,top_k:0}}", "callbacks.x.top_k=0 must be at least 1"),
        (f"{{{SAMPLE},prompt:a}}", "callbacks.x.n_tokens is missing"),
    ],
)
def test_what_would_never_come_is_one_line(added: str, expected: str) -> None:
    with pytest.raises(UserError) as error:
        checked_config([f"+callbacks.x={added}"])
    assert str(error.value).startswith(expected)
    assert "\n" not in str(error.value)
