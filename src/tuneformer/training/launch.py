"""Whether this process trains a run alone, or is one of several that a launcher started for it.

What the trainer asks for decides: variables such as RANK or SLURM_PROCID, which a shell inside an
allocation or another program may have left, make no rank of a process that trains by itself.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tuneformer.errors import UserError

TORCHRUN = "TORCHELASTIC_RUN_ID"
OF_RANKS = (
    *("RANK", "LOCAL_RANK", "GROUP_RANK", "NODE_RANK", "ROLE_RANK"),
    *("WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE", "ROLE_WORLD_SIZE"),
    *("MASTER_ADDR", "MASTER_PORT", TORCHRUN, "TORCHELASTIC_USE_AGENT_STORE"),
)
"""What torchrun and Lightning tell the processes that they start."""
OTHER_RANK = "TUNEFORMER_OTHER_RANK"
"""Set for the ranks that a run starts: a shell may have kept the names that Lightning uses."""
AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class Launch:
    """This process among those that were started together for one run: its rank of `n_processes`.

    `by`: torchrun (or what sets the same variables), srun, lightning (a rank that the first one started), or
    nodes (one process a node, started by hand); None where it is alone.
    """

    rank: int
    n_processes: int
    by: str | None


ALONE = Launch(rank=0, n_processes=1, by=None)


def find_launch(trainer: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Launch:
    """Who started this process, as far as it concerns a run with these settings of `trainer`.

    Raises:
        UserError: a launcher started another number of processes than the trainer asks for.
    """
    devices, nodes = trainer["devices"], trainer["num_nodes"]
    wanted = devices * nodes if isinstance(devices, int) else None
    launch = _by_torchrun(environment)
    if launch is not None and (wanted != 1 or TORCHRUN in environment):
        _check_torchrun(launch, wanted, trainer, environment)
        return launch if launch.n_processes > 1 else ALONE
    if wanted == 1:
        return ALONE
    launch = _by_lightning(environment, nodes)
    if launch is not None and wanted in (None, launch.n_processes):
        return launch
    launch = _by_srun(environment)
    if launch is not None:
        _check_srun(launch, wanted, trainer)
        return launch
    return _by_hand(environment, devices, nodes) if nodes > 1 else ALONE


def started_beside(trainer: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> str | None:
    """What the first of several tasks of srun says where each trains a run of its own; None where none does.

    That is meant where they differ in their settings, and a mistake where they do not.
    """
    launch = _by_srun(environment)
    if trainer["devices"] != 1 or trainer["num_nodes"] != 1 or launch is None or launch.rank:
        return None
    return (
        f"srun started {launch.n_processes} tasks, and each trains a run of its own: for one run on all of"
        f" them set trainer.devices={launch.n_processes} (and trainer.num_nodes where there are several)"
    )


@contextmanager
def without_stray_ranks(launch: Launch, *, num_nodes: int) -> Iterator[None]:
    """Within it nothing in the environment, or in Lightning, says that a process alone is a rank."""
    from lightning_fabric.utilities.rank_zero import rank_zero_only

    before = getattr(rank_zero_only, "rank", 0)
    stray = OF_RANKS if launch.by is None and num_nodes == 1 else ()
    taken = {name: os.environ.pop(name) for name in stray if name in os.environ}
    setattr(rank_zero_only, "rank", launch.rank)  # noqa: B010 - an attribute of a function
    try:
        yield
    finally:
        os.environ.update(taken)
        setattr(rank_zero_only, "rank", before)  # noqa: B010


def _number(environment: Mapping[str, str], name: str) -> int | None:
    value = environment.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else None


def _ranked(rank: int | None, n_processes: int | None, by: str) -> Launch | None:
    if rank is None or n_processes is None or rank >= n_processes:
        return None
    return Launch(rank=rank, n_processes=n_processes, by=by)


def _by_torchrun(environment: Mapping[str, str]) -> Launch | None:
    launch = _ranked(_number(environment, "RANK"), _number(environment, "WORLD_SIZE"), "torchrun")
    return launch if launch is not None and (TORCHRUN in environment or launch.n_processes > 1) else None


def _by_lightning(environment: Mapping[str, str], nodes: int) -> Launch | None:
    if OTHER_RANK not in environment:
        return None
    local, node, size = (_number(environment, name) for name in ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE"))
    if local is None or node is None or size is None or "MASTER_ADDR" not in environment:
        return None
    return _ranked(node * (size // nodes) + local, size, "lightning")


def _by_srun(environment: Mapping[str, str]) -> Launch | None:
    # SLURM_NTASKS is of the allocation, whose shell has it as well
    rank, tasks = _number(environment, "SLURM_PROCID"), _number(environment, "SLURM_STEP_NUM_TASKS")
    launch = _ranked(rank, tasks, "srun")
    return launch if launch is not None and launch.n_processes > 1 else None


def _by_hand(environment: Mapping[str, str], devices: int | str, nodes: int) -> Launch:
    launch = _ranked(_number(environment, "NODE_RANK"), nodes, "nodes")
    if launch is None or not {"MASTER_ADDR", "MASTER_PORT"} <= environment.keys():
        raise UserError(
            f"trainer.num_nodes={nodes} needs a launcher (torchrun, srun), or NODE_RANK, MASTER_ADDR and"
            " MASTER_PORT on each node"
        )
    return Launch(
        rank=launch.rank * (devices if isinstance(devices, int) else 1), n_processes=nodes, by="nodes"
    )


def _check_torchrun(
    launch: Launch, wanted: int | None, trainer: Mapping[str, Any], environment: Mapping[str, str]
) -> None:
    if wanted is None or launch.n_processes == wanted:
        return
    here = _number(environment, "LOCAL_WORLD_SIZE") or launch.n_processes
    nodes = max(1, launch.n_processes // here)
    needed = f"trainer.devices={here}" + (f" trainer.num_nodes={nodes}" if nodes > 1 else "")
    raise UserError(
        f"{_asked(trainer)} is {_processes(wanted)}, and torchrun started {launch.n_processes}"
        f" (WORLD_SIZE): {needed} is needed"
    )


def _check_srun(launch: Launch, wanted: int | None, trainer: Mapping[str, Any]) -> None:
    if wanted is None or launch.n_processes == wanted:
        return
    raise UserError(
        f"{_asked(trainer)} is {_processes(wanted)}, and srun started {launch.n_processes} tasks: srun"
        f" --nodes={trainer['num_nodes']} --ntasks-per-node={trainer['devices']} is needed"
    )


def _asked(trainer: Mapping[str, Any]) -> str:
    return f"trainer.devices={trainer['devices']} x trainer.num_nodes={trainer['num_nodes']}"


def _processes(number: int) -> str:
    return f"{number} process" + ("es" if number > 1 else "")


def check_as_many_as_launched(launch: Launch, *, n_trained: int) -> None:
    """Raises UserError if the trainer found another number of devices (`auto`) than there are processes."""
    if launch.by in ("torchrun", "srun") and launch.n_processes != n_trained:
        raise UserError(
            f"trainer.devices={AUTO} is {_processes(n_trained)} here, and {launch.by} started"
            f" {launch.n_processes}: give trainer.devices as a number"
        )
