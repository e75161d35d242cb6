"""Configurations of strangers: nothing that they name is called, and one line says what was refused.

Each tries to make the folder `called`, by a name that Python, Hydra, OmegaConf, YAML or logging would follow.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

import tuneformer
from tests.conftest import Answer
from tuneformer.analysis.diagnosis.evidence import read_evidence
from tuneformer.errors import UserError
from tuneformer.inference.evaluation import evaluate
from tuneformer.inference.loading import Run

CALL = "{_target_: os.mkdir, path: called}"
GIT = "{_target_: tuneformer.runs.record._git, _args_: [., -c, alias.x=!mkdir called, x]}"

ON_THE_COMMAND_LINE = [
    [f"attention={CALL}"],
    ["model._target_=os.mkdir", "+model.path=called"],
    ["++model._args_=[called]"],
    [f"++model.d_ff={CALL}"],
    [f"optimizer.betas={CALL}"],
    ["optimizer=any", "optimizer._target_=os.mkdir", "++optimizer.path=called"],
    ["optimizer=any", "optimizer._target_=torch.optim.sys.modules", "optimizer.lr=1"],
    ["optimizer=any", "optimizer._target_=tuneformer.config.registry.os.mkdir", "optimizer.path=called"],
    ["optimizer=muon", "optimizer.others._target_=os.mkdir", "++optimizer.others.path=called"],
    [f"++scheduler.warmup={CALL}"],
    ["scheduler._target_=hydra.utils.get_method", "+scheduler.path=os.mkdir"],
    [f"++callbacks.mine={CALL}"],
    ["++callbacks.progress._target_=hydra.utils.instantiate", f"++callbacks.progress.config={CALL}"],
    [f"++data.path={CALL}"],
    [f"++seed={CALL}"],
    ["model._target_=${oc.decode:os.mkdir}", "+model.path=called"],
    ["++model.d_ff=${oc.create:'_target_: os.mkdir'}"],
    [f"+hydra.callbacks.a={CALL}"],
    [f"++hydra={{callbacks: {{a: {CALL}}}}}"],
    ["hydra.run.dir=called"],
    ["hydra.sweep.dir=called", "--multirun"],
    ["hydra.output_subdir=called"],
    ["hydra.job.chdir=true"],
    ["+hydra.job.env_set.PYTHONPATH=called"],
    ["hydra.sweeper._target_=os.mkdir"],
    ["hydra.sweeper._target_=os.mkdir", "--multirun"],
    [f"+hydra.launcher.x={CALL}"],
    ["hydra.launcher._target_=os.mkdir", "--multirun"],
    ["hydra/sweeper=basic", "--multirun"],
    ["hydra/job_logging=default"],
    ["hydra.job_logging.root={handlers: [a]}", "+hydra.job_logging.handlers={a: {(): os.mkdir}}"],
    ["hydra.searchpath=[pkg://called]"],
    ["hydra.searchpath=[file://elsewhere]"],
    ["--config-path=elsewhere"],
    ["--config-name=elsewhere"],
    ["--experimental-rerun=elsewhere"],
    ["+model@hydra.callbacks=decoder"],
    ["attention@hydra.callbacks.a=multi_head"],
    ["model._target_=os.mkdir,os.rmdir", "--multirun"],
]

IN_FILES = {
    "experiment/e1.yaml": f"# @package _global_\nattention: {GIT}\n",
    "experiment/e2.yaml": f"# @package _global_\nhydra: {{callbacks: {{a: {CALL}}}}}\n",
    "experiment/e3.yaml": "# @package _global_\nhydra: {run: {dir: called}}\n",
    "experiment/e4.yaml": "# @package hydra.callbacks\na: {_target_: os.mkdir, path: called}\n",
    "experiment/e5.yaml": "# @package _global_\nhydra: {job_logging: {version: 1, root: {handlers: [a]},"
    " handlers: {a: {(): os.mkdir, path: called}}}}\n",
    "experiment/e6.yaml": "# @package _global_\nhydra: {launcher: {setup: [mkdir called]}}\n",
    "experiment/e7.yaml": "# @package _global_\nhydra: {searchpath: [pkg://called]}\n",
    "experiment/e8.yaml": "# @package _global_\nmodel: !!python/object/apply:os.mkdir [called]\n",
    "experiment/e9.yaml": f"# @package _global_\na: &a {CALL}\nmodel: {{d_ff: *a}}\n",
    "experiment/e10.yaml": f"# @package _global_\nmodel: {{d_ff: &a {CALL}, d_model: 8}}\nseed: *a\n",
    "experiment/e11.yaml": f"# @package _global_\nmodel: {{<<: {CALL}}}\n",
    "experiment/e12.yaml": "# @package _global_\nmodel: {_target_: !!str os.mkdir, path: called}\n",
    "experiment/e13.yaml": "# @package _global_\ndefaults:\n  - /hydra/callbacks: mine\n",
    "experiment/e14.yaml": "# @package _global_\nhydra: ${oc.create:'callbacks: {}'}\n",
    "experiment/e15.yaml": "# @package _global_\nhydra: {sweeper: {n_trials: '${oc.env:HOME}'}}\n",
    "hydra/callbacks/mine.yaml": "a: {_target_: os.mkdir, path: called}\n",
    "model/m1.yaml": "_target_: os.mkdir\npath: called\n",
    "model/m2.yaml": f"_target_: tuneformer.models.decoder.Decoder\n_args_: [{CALL}]\n",
    "model/m3.yaml": "_target_: tuneformer.models.decoder.os.mkdir\npath: called\n",
    "model/m4.yaml": "# @package hydra.callbacks.a\n_target_: os.mkdir\npath: called\n",
    "attention/a1.yaml": "_target_: tuneformer.runs.files.write_text\n_partial_: true\npath: called\n",
    "attention/a2.yaml": "_target_: tuneformer.models.decoder.Decoder\n_partial_: true\n",
    "scheduler/s1.yaml": "_target_: tuneformer.optim.schedules.warmup_steps\n_partial_: true\n",
    "optimizer/o1.yaml": "_target_: torch.optim.lr_scheduler.LambdaLR\n_partial_: true\nlr: 1.0\n",
    "data/d1.yaml": "_target_: tuneformer.runs.directory.RunDirectory\npath: called\n",
    "callbacks/c1.yaml": f"defaults: [none, _self_]\nmine: {CALL}\n",
    "callbacks/c2.yaml": "mine: {_target_: pytorch_lightning.callbacks.LambdaCallback}\n",
    "logger/l1.yaml": "a: {_target_: pytorch_lightning.loggers.wandb.os.mkdir, path: called}\n",
    "logger/l2.yaml": "a: {_target_: pytorch_lightning.loggers.MLFlowLogger, tracking_uri: sqlite:///called}",
    "launcher/n1.yaml": "_target_: tuneformer.sweeps.launchers.remote_job.os.mkdir\npath: called\n",
    "search/r1.yaml": f"defaults: [random, _self_]\nspaces: {{adamw: {CALL}}}\n",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of options that a stranger gave."""
    folder = tmp_path_factory.mktemp("strangers")
    for name, text in IN_FILES.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text)
    return folder


def assert_nothing_was_called(answer: Answer) -> None:
    assert answer.status == 2, answer
    assert len(answer.err) == 1, answer
    assert answer.err[0].startswith("error: ")
    assert not answer.out
    assert not list(Path.cwd().iterdir())


@pytest.mark.parametrize("arguments", ON_THE_COMMAND_LINE, ids=" ".join)
def test_the_command_line_calls_nothing(arguments: list[str], command: Callable[..., Answer]) -> None:
    assert_nothing_was_called(command("train.py", *arguments))


@pytest.mark.parametrize("option", [name.removesuffix(".yaml") for name in IN_FILES if "hydra" not in name])
def test_options_of_a_stranger_call_nothing(option: str, files: Path, command: Callable[..., Answer]) -> None:
    group, _, name = option.partition("/")
    assert_nothing_was_called(command("train.py", f"--config-dir={files}", f"{group}={name}"))


GIT_IN_RUN = {
    "_target_": "tuneformer.runs.record._git",
    "_args_": [".", "-c", "alias.x=!mkdir called", "x"],
}
RUNS = {
    "a private helper in attention": ("attention", GIT_IN_RUN),
    "a private helper in model": ("model", GIT_IN_RUN),
    "a shipped name in another place": (
        "attention",
        {"_target_": "tuneformer.models.decoder.Decoder", "_partial_": True},
    ),
    "a setting of the model": ("model.d_ff", {"_target_": "os.mkdir", "path": "called"}),
    "a setting of the attention": ("attention.scale", {"_target_": "os.mkdir", "path": "called"}),
    "a list": ("model.d_ff", [{"_target_": "os.mkdir", "path": "called"}]),
    "positional arguments": ("model._args_", [1]),
    "a walk through modules": ("model._target_", "tuneformer.models.decoder.nn.Module"),
    "no text": ("model._target_", ["os.mkdir"]),
    "a name of Hydra's": ("attention._target_", "hydra.utils.instantiate"),
}


@pytest.fixture
def received(small_run: Run, tmp_path: Path) -> Path:
    """A run directory that came from somebody else."""
    return shutil.copytree(small_run.path, tmp_path / "received")


def rewrite(run: Path, place: str, value: object) -> None:
    config = node = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    *outer, last = place.split(".")
    for key in outer:
        node = node[key]
    node[last] = value
    (run / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


@pytest.mark.parametrize("attack", RUNS)
def test_a_run_directory_calls_nothing(attack: str, received: Path) -> None:
    rewrite(received, *RUNS[attack])
    with pytest.raises(UserError) as error:
        tuneformer.load_run(received)
    assert "\n" not in str(error.value)
    assert [path.name for path in Path.cwd().iterdir()] == ["received"]


def test_the_data_of_a_run_directory_are_data(received: Path) -> None:
    rewrite(received, "data", {**tuneformer.load_run(received).config["data"], **GIT_IN_RUN})
    run = tuneformer.load_run(received)
    with pytest.raises(UserError, match=r"^data\._args_ cannot be given"):
        evaluate(run, split="test", device=torch.device("cpu"))
    assert [path.name for path in Path.cwd().iterdir()] == ["received"]


def test_a_run_directory_resolves_nothing_of_its_readers_environment(
    received: Path, monkeypatch: pytest.MonkeyPatch, small_run: Run
) -> None:
    monkeypatch.setenv("SECRET", "of the reader")
    rewrite(received, "notes", "${oc.env:SECRET}")
    rewrite(received, "data.path", "${oc.env:SECRET}")
    run = tuneformer.load_run(received)
    assert run.config["notes"] == run.config["data"]["path"] == "${oc.env:SECRET}"
    with pytest.raises(UserError) as error:
        evaluate(run, split="test", device=torch.device("cpu"))
    assert "of the reader" not in str(error.value)
    assert read_evidence(received).config["notes"] == "${oc.env:SECRET}"
