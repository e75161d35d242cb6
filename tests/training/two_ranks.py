"""Two processes that train one run after another together, so that torch is loaded only once."""

import faulthandler
import multiprocessing
import os
import runpy
import traceback
from collections.abc import Mapping
from multiprocessing.connection import wait
from pathlib import Path

from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

PRELOADED = ["torch", "pytorch_lightning", "pytorch_optimizer", "tuneformer.training.run", "hydra"]
SECONDS_PER_RUN = 300
HOST = "127.0.0.1"
AS_RANK = "rank"


def train_in_two_ranks(runs: Mapping[str, list[str]], folder: Path) -> None:
    """Train each run in `folder`/<its name> with trainer.devices=2.

    Raises:
        AssertionError: a run failed in one of the processes, or took longer than SECONDS_PER_RUN
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    # they listen until the end, so no other process can take a port that a run is about to use
    stores = {name: TCPStore(HOST, 0, is_master=True, wait_for_workers=False) for name in runs}
    ports = {name: store.port for name, store in stores.items()}
    shared = {"runs": dict(runs), "ports": ports, "folder": str(folder)}
    ranks = [
        # by its path: a new process cannot import the tests
        context.Process(target=runpy.run_path, args=(__file__, shared | {"rank": rank}, AS_RANK))
        for rank in range(2)
    ]
    for rank in ranks:
        rank.start()
    while running := [rank.sentinel for rank in ranks if rank.exitcode is None]:
        wait(running)
        if any(rank.exitcode for rank in ranks):  # the other one would wait for it
            for rank in ranks:
                rank.kill()
                rank.join()
    said = [f"rank {rank}: {file.read_text()}" for rank in range(2) if (file := _log(folder, rank)).exists()]
    assert all(rank.exitcode == 0 for rank in ranks), "\n".join(said)


def _log(folder: Path, rank: int) -> Path:
    return folder / f"rank_{rank}.log"


def _train_all(rank: int, runs: dict[str, list[str]], ports: dict[str, int], folder: str) -> None:
    from tuneformer.checks.config import check_config
    from tuneformer.config.compose import compose_config
    from tuneformer.training.start import train

    os.chdir(folder)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"TORCHELASTIC_RUN_ID": "two_ranks", "GROUP_RANK": "0"}
    os.environ |= {"MASTER_ADDR": HOST, "TORCHELASTIC_USE_AGENT_STORE": "True"}
    with _log(Path(folder), rank).open("w") as log:
        for name, overrides in runs.items():
            log.write(f"{name}\n")
            log.flush()
            os.environ["MASTER_PORT"] = str(ports[name])
            faulthandler.dump_traceback_later(SECONDS_PER_RUN, file=log, exit=True)
            try:
                train(check_config(*compose_config([*overrides, "trainer.devices=2", f"run_dir={name}"])))
            except BaseException:
                traceback.print_exc(file=log)
                raise
        faulthandler.cancel_dump_traceback_later()


if __name__ == AS_RANK:
    given = globals()
    _train_all(*(given[name] for name in ("rank", "runs", "ports", "folder")))
