"""Two processes that train one run after another together, so that torch is loaded only once."""

import multiprocessing
import os
import runpy
import socket
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PRELOADED = ["torch", "pytorch_lightning", "pytorch_optimizer", "tuneformer.training.run", "hydra"]
SECONDS = 1500
AS_RANK = "rank"


def train_in_two_ranks(runs: Mapping[str, list[str]], folder: Path) -> dict[str, str]:
    """Trains each run in `folder`/<its name> with trainer.devices=2; name -> error, where there was one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    errors = context.Manager().dict()
    ports = {name: _free_port() for name in runs}
    shared = {"runs": dict(runs), "ports": ports, "folder": str(folder), "errors": errors}
    ranks = [
        # by its path: a new process cannot import the tests
        context.Process(target=runpy.run_path, args=(__file__, shared | {"rank": rank}, AS_RANK))
        for rank in range(2)
    ]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(SECONDS)
        assert rank.exitcode == 0, "a rank hangs or died"
    return dict(errors)


def _train_all(
    rank: int, runs: dict[str, list[str]], ports: dict[str, int], folder: str, errors: Any
) -> None:
    from tuneformer.checks.config import check_config
    from tuneformer.config.compose import compose_config
    from tuneformer.training.start import train

    os.chdir(folder)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_RUN_ID": "two_ranks", "GROUP_RANK": "0"}
    for name, overrides in runs.items():
        os.environ["MASTER_PORT"] = str(ports[name])
        try:
            train(check_config(*compose_config([*overrides, "trainer.devices=2", f"run_dir={name}"])))
        except BaseException:  # the test that reads it fails, the other runs go on
            errors[name] = traceback.format_exc()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


if __name__ == AS_RANK:
    given = globals()
    _train_all(*(given[name] for name in ("rank", "runs", "ports", "folder", "errors")))
