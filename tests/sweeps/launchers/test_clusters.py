"""What is missing, or does not answer, on the way to a cluster: one line before the first job."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

from tuneformer.sweeps.launchers.slurm_queue import partitions

Command = Callable[..., Any]
SLURM = ["launcher=slurm", "launcher.partition=debug"]


@pytest.fixture
def refused(sweep: Command) -> Callable[..., str]:
    """refused("launcher=ray"): the last line of a sweep that stops with status 2 and leaves nothing."""

    def run(*overrides: str) -> str:
        answer = sweep("seed=0,1", *overrides)
        assert answer.status == 2
        assert not Path("outputs").exists()
        return answer.err[-1]

    return run


@pytest.mark.parametrize(
    ("launcher", "package", "expected"),
    [
        ("ray", "ray", "error: launcher=ray needs the package ray: pip install 'tuneformer[ray]'"),
        (
            "slurm",
            "submitit",
            "error: launcher=slurm needs the package submitit: pip install 'tuneformer[slurm]'",
        ),
    ],
)
def test_a_launcher_without_its_package_says_how_it_is_installed(
    refused: Callable[..., str], launcher: str, package: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert refused(f"launcher={launcher}") == expected


@pytest.mark.parametrize(("launcher", "plugin"), [("ray", "ray"), ("slurm", "submitit_slurm")])
def test_a_launcher_without_the_plugin_of_hydra_says_how_it_is_installed(
    refused: Callable[..., str], launcher: str, plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Plugins.instance()  # has found what is installed
    monkeypatch.delitem(ConfigStore.instance().repo["hydra"]["launcher"], f"{plugin}.yaml")
    expected = f"error: launcher={launcher} needs Hydra's plugin for it: pip install 'tuneformer[{launcher}]'"
    assert refused(f"launcher={launcher}").startswith(f"{expected} (in the job ")


def test_a_plugin_that_no_launcher_stands_on_is_not_passed_over(refused: Callable[..., str]) -> None:
    expected = (
        "error: hydra/launcher=submitit_slurm is not used here: choose launcher=ray or launcher=slurm, which"
        " stand on plugins of Hydra"
    )
    assert refused("hydra/launcher=submitit_slurm").startswith(f"{expected} (in the job ")


def test_slurm_without_its_programs_says_how_they_are_installed(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    expected = "error: launcher=slurm needs the program sbatch: apt-get install slurm-client"
    assert refused(*SLURM) == expected


@pytest.mark.parametrize(
    ("sinfo", "expected"),
    [
        (
            "echo 'slurm_load_partitions: Unable to contact slurm controller (connect failure)' >&2; exit 1",
            "error: launcher=slurm: the cluster cannot be reached: slurm_load_partitions: Unable to contact"
            " slurm controller (connect failure)",
        ),
        (
            "echo 'batch*|(null)'; echo 'gpu|gpu:a100:8(S:0-1)'",
            "error: launcher.partition=debug is not a partition: there are batch, gpu",
        ),
    ],
)
def test_slurm_that_does_not_answer_or_has_no_such_partition_is_one_line(
    refused: Callable[..., str], sinfo: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, script in {"sinfo": sinfo, "sbatch": "exit 1"}.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    assert refused(*SLURM) == expected


@pytest.mark.filterwarnings("ignore")  # of ray itself
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (
            "127.0.0.1:1",
            "error: launcher.address=127.0.0.1:1 cannot be reached: [Errno 111] Connection refused",
        ),
        ("head", "error: launcher.address=head must be host:port"),
    ],
)
def test_a_ray_head_that_does_not_answer_is_one_line(
    refused: Callable[..., str], address: str, expected: str
) -> None:
    assert refused("launcher=ray", f"launcher.address={address}") == expected


def test_the_partitions_of_a_cluster_and_whether_they_have_gpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a partition of two kinds of nodes has two lines
    shown = "debug|(null)\nmixed*|(null)\nmixed*|gpu:a100:8(S:0-1),shard:80\n"
    program = tmp_path / "sinfo"
    program.write_text(f"#!/bin/sh\nprintf '{shown}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert partitions() == {"debug": False, "mixed": True, None: True}
