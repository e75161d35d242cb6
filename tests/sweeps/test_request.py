"""What --multirun asks for: every job judged by its own options, and what must hold for all."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from tuneformer.config.compose import config_folder
from tuneformer.config.hydra_guard import GuardedConfigLoader
from tuneformer.config.schema import register_with_hydra
from tuneformer.errors import UserError
from tuneformer.sweeps.request import Request, read_request

Ask = Callable[..., Request]

pytestmark = pytest.mark.fast

FILES = {
    "grid": "search: {grid: {optimizer: [adamw, muon], optimizer.lr: [1e-3, 3e-3], seed: 'range(0,2)'}}",
    "nested": "search: {grid: {optimizer: {betas: [[0.9, 0.95], [0.8, 0.9]], lr: 0.01}}}\nretry_failed: true",
    "words": "search: {grid: {trainer.precision: [32-true, 64-true], notes: ['a, b'],"
    " model.size: [null, tiny]}}",
    "together": "search: {grid: {'optimizer,scheduler': [[adamw, cosine], [schedule_free_adamw, warmup]],"
    " seed: [0, 1]}}",
    "short": "search: {grid: {'optimizer,scheduler': [[adamw]]}}",
    "again": "search: {grid: {'optimizer,scheduler': [[adamw, cosine], [adamw, cosine]]}}",
    "twice": "search: {grid: {'optimizer,scheduler': [[adamw, cosine]], optimizer: [sgd]}}",
    "unlisted": "search: {grid: {'optimizer,scheduler': adamw}}",
    "wrong": "search: {grid: {launcher: [local, serial]}}",
    "empty": "search: {grid: {seed: []}}",
    "local": "defaults: [{override /launcher: local}]\nlauncher: {n_jobs: 2}",
    "local_3": "defaults: [{override /launcher: local}]\nlauncher: {n_jobs: 3}",
    "tpe": "defaults: [{override /search: tpe}]\nhydra: {sweeper: {n_trials: 2}}",
    "quick": "preflight: quick",
    "named": "sweep: mine",
    "placed": "run_dir: here",
}


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """ask("seed=0,1"): the request, with experiment files of every kind at hand."""
    (tmp_path / "experiment").mkdir()
    for name, text in FILES.items():
        (tmp_path / "experiment" / f"{name}.yaml").write_text(f"# @package _global_\n{text}\n")
    register_with_hydra()
    folders = create_config_search_path(str(config_folder()))
    folders.prepend("mine", f"file://{tmp_path}", SearchPathQuery(provider="schema"))

    def read(*overrides: str) -> Request:
        loader = GuardedConfigLoader(folders)
        master = {"run_mode": RunMode.MULTIRUN, "from_shell": True, "validate_sweep_overrides": True}
        loader._load_configuration(
            "train", [], **master, skip_missing_defaults=False, activate_config_repository=True
        )
        parser = OverridesParser.create(config_loader=loader)
        return read_request(
            parser.parse_overrides(list(overrides)), parser, loader=loader, config_name="train"
        )

    return read


def points(request: Request) -> list[str]:
    return [" ".join(composed.point) for composed in request.composed]


@pytest.mark.parametrize(
    ("overrides", "n_jobs"),
    [
        (["optimizer=muon,normuon", "optimizer.others_lr_ratio=0.5"], 2),
        (["optimizer=muon,normuon", "optimizer.others_lr_ratio=0.5,1.0"], 4),
        (["optimizer=muon,normuon", "++optimizer.others_lr_ratio=0.5"], 2),
        (["optimizer=choice(muon,normuon)", "optimizer.others_lr_ratio=0.5"], 2),
        (["optimizer=glob([normuon*,muon])", "optimizer.others_lr_ratio=0.5"], 3),
        (["attention=sliding_window,first_tokens_window", "attention.window=16,32"], 4),
        (["scheduler=step", "scheduler.gamma=0.5,0.1"], 2),
        (["experiment=translation", "model=lstm,lstm_attention", "model.dropout=0.1"], 2),
        (["experiment=smoke,copy", "model.n_layers=1"], 2),
        (["search=random", "optimizer=muon,normuon", "optimizer.others_lr_ratio=0.5"], 2),
        (["seed=range(1,4)", "notes='a,b'"], 3),
        (["data=text", "data.path='x,y','z'"], 2),
        (["optimizer.betas=[0.9,0.95],[0.8,0.9]", "tags=[a,b]"], 2),
    ],
)
def test_a_setting_is_judged_by_the_options_of_each_job(ask: Ask, overrides: list[str], n_jobs: int) -> None:
    assert len(ask(*overrides).composed) == n_jobs


@pytest.mark.parametrize(
    ("overrides", "expected", "job"),
    [
        (
            ["optimizer=muon,adamw", "optimizer.others_lr_ratio=0.5"],
            "optimizer.others_lr_ratio",
            "optimizer=adamw",
        ),
        (
            ["optimizer=muon,adamw", "optimizer.others_lr_ratio=1,2"],
            "optimizer.others_lr_ratio",
            "optimizer=adamw",
        ),
        (["scheduler=step,cosine", "scheduler.gamma=0.5"], "scheduler.gamma", "scheduler=cosine"),
        (["scheduler=cosine,step", "++scheduler.gamma=0.5"], "scheduler.gamma", "scheduler=cosine"),
        (["attention=sliding_window,linear", "attention.window=16"], "attention.window", "attention=linear"),
        (["model=decoder,lstm"], "model=lstm cannot do", "model=lstm"),
        (["experiment=smoke,modular", "data.path=x"], "data.path", "experiment=smoke"),
        (["seed=0,1,-1"], "seed=-1 must be", "seed=-1"),
    ],
)
def test_what_a_job_lacks_is_told_with_the_job(
    ask: Ask, overrides: list[str], expected: str, job: str
) -> None:
    with pytest.raises(UserError) as error:
        ask(*overrides)
    line = str(error.value)
    assert line.startswith(expected)
    assert f"(in the job {job}" in line or f" {job}" in line.split("(in the job")[1]


def test_a_deletion_reaches_the_jobs_as_it_was_typed(ask: Ask) -> None:
    request = ask("search=random", "~search.spaces.adamw.optimizer.weight_decay", "seed=0,1")
    assert points(request)[1] == "search=random ~search.spaces.adamw.optimizer.weight_decay seed=1"
    assert list(request.settings["search"]["spaces"]["adamw"]["optimizer"]) == ["lr"]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed=0,1,0", "seed=0,1,0 gives seed=0 twice: give each value once"),
        ("seed=range(0,0)", "seed=range(0,0) stands for no value"),
        ("seed=range(0,9,0)", "seed=range(0,9,0) gives no values"),
        (f"seed=range(0,{10**12})", f"seed=range(0,{10**12}) gives more than 100,000 jobs"),
        ("optimizer=glob(none*)", "optimizer=glob(none*) stands for no value"),
        ("optimizer.lr=interval(0,1)", "optimizer.lr=interval(0,1) has no end of values"),
        ("optimizer.lr=1e-3,0.001", "optimizer.lr=1e-3,0.001 gives optimizer.lr=0.001 twice"),
        ("launcher.n_jobs=1,2", "launcher.n_jobs=1,2 cannot have several values: it holds for all jobs"),
        ("hydra.sweeper.n_trials=1,2", "hydra.sweeper.n_trials=1,2 cannot have several values"),
        ("run_dir=here", "run_dir=here cannot be set with --multirun"),
    ],
)
def test_values_that_no_sweep_can_have_are_one_line(ask: Ask, override: str, expected: str) -> None:
    with pytest.raises(UserError) as error:
        ask(override)
    assert str(error.value).startswith(expected)


def test_a_grid_in_a_file_is_that_grid_typed(ask: Ask) -> None:
    listed, typed = ask("experiment=grid"), ask("optimizer=adamw,muon", "optimizer.lr=1e-3,3e-3", "seed=0,1")
    assert points(listed) == [f"experiment=grid {point}" for point in points(typed)]
    assert [each.config for each in listed.composed] == [
        {**each.config, "search": listed.settings["search"]} for each in typed.composed
    ]
    assert listed.named == typed.named


def test_what_is_typed_takes_the_place_of_what_a_file_lists(ask: Ask) -> None:
    request = ask("experiment=grid", "optimizer=lion", "optimizer.lr=1e-4", "seed=5,6")
    assert points(request) == [
        f"experiment=grid optimizer=lion optimizer.lr=0.0001 seed={seed}" for seed in (5, 6)
    ]
    assert len(ask("experiment=grid", "~search.grid").composed) == 1


def test_settings_that_change_together_share_a_line(ask: Ask) -> None:
    request = ask("experiment=together")
    assert points(request) == [
        f"experiment=together seed={seed} optimizer={optimizer} scheduler={scheduler}"
        for seed in (0, 1)
        for optimizer, scheduler in (("adamw", "cosine"), ("schedule_free_adamw", "warmup"))
    ]
    assert request.swept == {"seed", "optimizer", "scheduler"}
    typed = ask("experiment=together", "optimizer=lion", "scheduler=linear", "seed=3")
    assert points(typed) == ["experiment=together optimizer=lion scheduler=linear seed=3"]
    with pytest.raises(UserError, match="lists optimizer together with scheduler: type all of them, or none"):
        ask("experiment=together", "optimizer=lion")


def test_a_grid_may_be_nested_and_its_words_need_no_quotes(ask: Ask) -> None:
    nested = ask("experiment=nested")
    assert [each.config["optimizer"]["betas"] for each in nested.composed] == [[0.9, 0.95], [0.8, 0.9]]
    assert {each.config["optimizer"]["lr"] for each in nested.composed} == {0.01}
    words = ask("experiment=words")
    assert {each.config["notes"] for each in words.composed} == {"a, b"}
    assert {each.config["trainer"]["precision"] for each in words.composed} == {"32-true", "64-true"}
    assert [each.config["model"]["size"] for each in words.composed] == [None, "tiny"] * 2
    assert words.named == {"trainer.precision", "model.size"}


def test_swept_files_have_each_their_own_grid(ask: Ask) -> None:
    assert len(ask("experiment=grid,smoke").composed) == 8 + 1
    methods = ask("experiment=grid", "search=random", "seed=0", "hydra.sweeper.n_trials=3")
    assert (len(methods.composed), methods.n_trials) == (4, 3)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("wrong", "search.grid cannot list launcher: that holds for all jobs"),
        ("empty", "search.grid.seed=[] lists no value"),
        ("short", 'search.grid.optimizer,scheduler: ["adamw"] must be 2 values'),
        ("again", "search.grid.optimizer,scheduler lists optimizer=adamw scheduler=cosine twice"),
        ("twice", "search.grid lists optimizer twice"),
        ("unlisted", "search.grid.optimizer,scheduler must be a list of combinations"),
    ],
)
def test_a_grid_that_is_none_is_one_line(ask: Ask, file: str, expected: str) -> None:
    with pytest.raises(UserError) as error:
        ask(f"experiment={file}")
    assert str(error.value).startswith(expected)


def test_what_files_say_of_the_whole_sweep_is_heard_where_all_agree(ask: Ask) -> None:
    assert ask("experiment=local").settings["launcher"]["n_jobs"] == 2
    assert ask("experiment=local,local_3", "launcher.n_jobs=4").settings["launcher"]["n_jobs"] == 4
    assert ask("experiment=nested").settings["retry_failed"] is True
    assert ask("experiment=named").settings["sweep"] == "mine"
    assert ask("experiment=named", "sweep=other").settings["sweep"] == "other"
    search = ask("experiment=tpe")
    assert (search.settings["search"]["sampler"], search.n_trials) == ("tpe", 2)
    assert ask("experiment=tpe", "hydra.sweeper.n_trials=5").n_trials == 5


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            "local,smoke",
            "launcher holds for all jobs, and is local in the job experiment=local but serial in",
        ),
        (
            "local,local_3",
            "launcher.n_jobs holds for all jobs, and is 2 in the job experiment=local but 3 in",
        ),
        ("tpe,smoke", "search holds for all jobs, and is tpe in"),
        ("quick,smoke", "preflight holds for all jobs, and is quick in"),
        ("smoke,nested", "retry_failed holds for all jobs, and is false in"),
        ("named,smoke", "sweep holds for all jobs, and is mine in"),
        ("placed", "run_dir=here cannot be set with --multirun"),
    ],
)
def test_files_that_disagree_about_the_whole_sweep_are_refused(ask: Ask, files: str, expected: str) -> None:
    with pytest.raises(UserError) as error:
        ask(f"experiment={files}")
    assert str(error.value).startswith(expected)
