"""A real PostgreSQL and a real MariaDB of this machine: searches that share a study, errors in one line."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest

from tests.cluster.conftest import Start, wait_for
from tuneformer.sweeps.search.sampler import make_sampler
from tuneformer.training.trial_storage import open_storage

N_TRIALS = 8
SEARCH = [
    "search=halton",
    f"hydra.sweeper.n_trials={N_TRIALS}",
    "search.pruner=median",
    "search.startup_trials=100",  # reports every validation, and ends no trial
    "trainer.max_steps=6",
]

pytestmark = [
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
]


def postgresql_programs() -> Path:
    """The folder of initdb and pg_ctl: Debian keeps them out of the PATH, by version."""
    found = shutil.which("pg_ctl")
    return Path(found).resolve().parent if found else max(Path("/usr/lib/postgresql").glob("*/bin"))


def run(*command: str | Path, user: str | None = None) -> None:
    # neither database runs as root
    user = user if os.getuid() == 0 else None
    done = subprocess.run(
        command, user=user, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The URL of an empty database in a PostgreSQL that runs within this context."""
    user, programs, data, port = "postgres", postgresql_programs(), folder / "data", free_port()
    if os.getuid() == 0:
        shutil.chown(folder, user)
    where = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    run(programs / "initdb", "-D", data, "-U", "tuneformer", "--auth=trust", "--no-sync", user=user)
    run(programs / "pg_ctl", "start", "-w", "-D", data, "-l", folder / "log", "-o", where, user=user)
    try:
        create = [programs / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "tuneformer", "trials"]
        run(*create, user=user)
        yield f"postgresql+psycopg://tuneformer:secret@127.0.0.1:{port}/trials"
    finally:
        run(programs / "pg_ctl", "stop", "-w", "-m", "immediate", "-D", data, user=user)


@contextmanager
def mariadb(folder: Path) -> Iterator[str]:
    """The same of a MariaDB, which speaks as MySQL does."""
    user, data, port, connection = "mysql", folder / "data", free_port(), folder / "socket"
    if os.getuid() == 0:
        shutil.chown(folder, user)
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db"]
    run(*install, "--auth-root-authentication-method=normal", user=user)
    program = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
    where = [f"--datadir={data}", f"--socket={connection}", f"--port={port}", "--bind-address=127.0.0.1"]
    server = subprocess.Popen(
        [program, "--no-defaults", *where, f"--pid-file={folder / 'pid'}", f"--log-error={folder / 'log'}"],
        user=user if os.getuid() == 0 else None,
        cwd="/",
    )
    try:
        wait_for(connection.exists)
        make = "CREATE DATABASE trials; GRANT ALL ON trials.* TO tuneformer IDENTIFIED BY 'secret'"
        run("mariadb", "--no-defaults", f"--socket={connection}", "--user=root", f"--execute={make}")
        yield f"mysql+pymysql://tuneformer:secret@127.0.0.1:{port}/trials"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="module", params=[postgresql, mariadb])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database."""
    folder = Path(tempfile.mkdtemp(prefix="tuneformer-database-"))  # pytest's own can only root enter
    try:
        with request.param(folder) as url:
            yield url
    finally:
        shutil.rmtree(folder)


def records_in(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in folder.glob("outputs/sweeps/mine/*/record.json")]


def test_two_sweeps_share_a_study_and_have_the_trials_of_one_together(
    database: str, start: Start, tmp_path: Path
) -> None:
    # begun at once, in a database without tables
    line = [*SEARCH, f"search.storage='{database}'"]
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    sweeps = [start(*line, folder=folder) for folder in folders]
    wait_for(lambda: any(map(records_in, folders)) or _has_ended(sweeps))
    quicker = 0 if records_in(folders[0]) else 1
    sweeps[quicker].send_signal(signal.SIGSTOP)  # else it might have all trials before the other is ready
    wait_for(lambda: records_in(folders[1 - quicker]) or _has_ended([sweeps[1 - quicker]]))
    sweeps[quicker].send_signal(signal.SIGCONT)
    for sweep in sweeps:
        _, told = sweep.communicate(timeout=500)
        assert sweep.returncode == 0, told
    storage = open_storage(database)
    study = optuna.load_study(study_name="mine/all", storage=storage)
    asked = [trial for trial in study.get_trials() if trial.state.name != "WAITING"]
    storage.engine.dispose()
    assert {trial.state.name for trial in asked} == {"COMPLETE"}
    assert [trial.number for trial in asked] == list(range(N_TRIALS))
    assert all(list(trial.intermediate_values) == [2, 4, 6] for trial in asked)
    mine, other = ({record["search"]["trial"] for record in records_in(folder)} for folder in folders)
    assert mine
    assert other
    assert not mine & other
    assert mine | other == set(range(N_TRIALS))
    _check_draws(study, asked)
    # the same line again has nothing to do
    again = start(*line, folder=folders[0])
    _, told = again.communicate(timeout=500)
    assert again.returncode == 0, told
    assert len(records_in(folders[0])) == len(mine)


def _has_ended(sweeps: list[subprocess.Popen[str]]) -> bool:
    return any(sweep.poll() is not None for sweep in sweeps)


def _check_draws(study: optuna.Study, trials: list[optuna.trial.FrozenTrial]) -> None:
    """Each trial has the values that a search alone would have drawn for its number."""
    space = trials[0].distributions
    for trial in trials[1:]:
        sampler = make_sampler({"sampler": "halton", "seed": 0}, space, trial=trial.number)
        assert trial.params == sampler.sample_relative(study, trial, space)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda url: url.rpartition("/")[0] + "/nothing", "nothing"),
        (lambda url: re.sub(r":[0-9]+/", f":{free_port()}/", url), "refused"),
    ],
)
def test_a_storage_that_cannot_be_reached_is_one_line_without_its_password(
    database: str, change: Callable[[str], str], reason: str, start: Start, tmp_path: Path
) -> None:
    sweep = start(*SEARCH, f"search.storage='{change(database)}'")
    _, told = sweep.communicate(timeout=100)
    assert sweep.returncode == 2, told
    last = told.splitlines()[-1]
    assert last.startswith(f"error: search.storage={database.partition(':')[0]}://tuneformer:***@127.0.0.1:")
    assert reason in last.partition(" cannot be reached: ")[2]
    assert "secret" not in told
    assert not (tmp_path / "outputs").exists()
