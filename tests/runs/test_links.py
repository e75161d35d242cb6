"""Links in a folder that was received: nothing is written through them."""

from pathlib import Path

import pytest

from tuneformer.analysis.diagnosis.diagnose import Diagnosis, write_diagnosis
from tuneformer.errors import UserError
from tuneformer.report.attention_page.files import write_analysis
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.files import write_text
from tuneformer.runs.links import check_no_way_out
from tuneformer.runs.regular_file import open_regular
from tuneformer.sweeps.folders import SWEEPS, sweep_folder
from tuneformer.sweeps.manifest import Manifest

pytestmark = pytest.mark.fast


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    return folder


@pytest.mark.parametrize("name", ["analysis", "checkpoints", "probes", "wandb/offline-run-1", "metrics.csv"])
def test_nothing_writes_into_a_run_directory_with_a_way_out(
    tmp_path: Path, elsewhere: Path, name: str
) -> None:
    run = tmp_path / "run"
    (run / name).parent.mkdir(parents=True)
    (run / name).symlink_to(elsewhere / "mine" if name.endswith(".csv") else elsewhere)
    before = sorted(elsewhere.iterdir())
    for write in (
        RunDirectory(run).acquire,
        lambda: write_diagnosis(Diagnosis(path=run, findings=(), blind={})),
        lambda: write_analysis(run / "analysis", [], command=""),
    ):
        with pytest.raises(UserError, match="leads out of"):
            write()
    assert sorted(elsewhere.iterdir()) == before
    assert (elsewhere / "mine").read_text() == "mine"


@pytest.mark.parametrize("name", ["logs", "trials.db", "seed=1"])
def test_a_sweep_with_a_way_out_is_not_run(elsewhere: Path, name: str) -> None:
    folder = SWEEPS / "s"
    folder.mkdir(parents=True)
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(UserError, match="leads out of"):
        sweep_folder("s")
    with pytest.raises(UserError, match="leads out of"):
        Manifest(folder).acquire()


def test_links_within_a_folder_are_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "latest").symlink_to("a")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    check_no_way_out(tmp_path)


def test_a_file_that_is_a_link_is_replaced_and_not_written_through(tmp_path: Path, elsewhere: Path) -> None:
    (tmp_path / "record.json").symlink_to(elsewhere / "mine")
    write_text(tmp_path / "record.json", "new")
    assert (elsewhere / "mine").read_text() == "mine"
    assert not (tmp_path / "record.json").is_symlink()


def test_a_link_to_a_regular_file_can_be_read_and_one_to_a_device_cannot(
    tmp_path: Path, elsewhere: Path
) -> None:
    (tmp_path / "a").symlink_to(elsewhere / "mine")
    with open_regular(tmp_path / "a") as file:
        assert file.read() == b"mine"
    (tmp_path / "b").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="device"):
        open_regular(tmp_path / "b")


def test_the_link_that_wandb_puts_into_a_folder_of_its_own_is_no_way_out(tmp_path: Path) -> None:
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    logs = run / "wandb" / "offline-run-1" / "logs"
    logs.mkdir(parents=True)
    elsewhere.mkdir()
    (logs / "debug-core.log").symlink_to(elsewhere / "core.log")
    (run / "wandb" / "latest-run").symlink_to("offline-run-1")
    check_no_way_out(run)
    (run / "wandb" / "debug.log").symlink_to(elsewhere / "debug.log")
    with pytest.raises(UserError, match=r"debug\.log is a link that leads out"):
        check_no_way_out(run)
