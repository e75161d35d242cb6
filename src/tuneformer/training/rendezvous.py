"""One run directory for processes that a launcher (torchrun, srun) started together."""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from tuneformer.errors import UserError
from tuneformer.training.launch import Launch

if TYPE_CHECKING:
    from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

KEY = "tuneformer/run_dir"
PATIENCE = timedelta(minutes=5)
NOTHING = ""


def agreed_folder(choose: Callable[[], str], *, launch: Launch) -> str:
    """The folder that rank 0 chooses, on every rank.

    After a restart by torchrun it is the one chosen before it, so that the run goes on there.

    Raises:
        UserError: rank 0 could not choose one, or is not to be reached.
    """
    from torch.distributed import DistError

    try:
        store = _open_store(launch)
        if launch.rank > 0:
            folder = store.get(KEY).decode()
            store.add(f"{KEY}/read", 1)
        elif store.check([KEY]):
            return store.get(KEY).decode()
        else:
            folder = _choose(store, choose, n_others=launch.n_processes - 1)
    except DistError as error:
        raise UserError(f"run_dir cannot be agreed on: {str(error).splitlines()[0]}") from error
    if folder == NOTHING:
        raise UserError("run_dir could not be made by the first process")
    return folder


def _choose(store: "TCPStore", choose: Callable[[], str], *, n_others: int) -> str:
    folder = NOTHING
    try:
        folder = choose()
    finally:
        store.set(KEY, folder)
        if not _is_agents_store():  # it ends with this process: the others must have read it
            until = time.monotonic() + PATIENCE.total_seconds()
            while store.add(f"{KEY}/read", 0) < n_others and time.monotonic() < until:
                time.sleep(0.01)
    return folder


def _open_store(launch: Launch) -> "TCPStore":
    from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

    host, port = _address(launch)
    hosts_it = launch.rank == 0 and not _is_agents_store()
    return TCPStore(host, port, is_master=hosts_it, timeout=PATIENCE, wait_for_workers=False)


def _is_agents_store() -> bool:
    """Whether torchrun keeps a store at the address of the first process."""
    return os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"


def _address(launch: Launch) -> tuple[str, int]:
    """Torchrun's own store; beside the address that the process group will have for any other launcher."""
    if _is_agents_store():
        return os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    if launch.by == "srun":
        from lightning_fabric.plugins.environments.slurm import SLURMEnvironment  # pyright: ignore[reportPrivateImportUsage]

        slurm = SLURMEnvironment()
        return slurm.main_address, slurm.main_port + 1
    if "MASTER_ADDR" not in os.environ or "MASTER_PORT" not in os.environ:
        raise UserError("MASTER_ADDR and MASTER_PORT are missing: processes started together need them")
    return os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]) + 1
