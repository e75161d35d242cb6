"""The cores and GPUs of this machine, dealt to the jobs that run at a time."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuneformer.config.plain import Config
from tuneformer.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one job at a time may use: CPU cores by number, GPUs as CUDA_VISIBLE_DEVICES names them."""

    cores: tuple[int, ...]
    gpus: tuple[str, ...]

    def take(self, environment: Mapping[str, str]) -> None:
        """Confines this process to the share; the rest of its environment is `environment`."""
        os.environ.clear()
        os.environ.update(environment)
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            if (number := os.environ.get(name, "")).isdigit():  # of a process that has the whole machine
                os.environ[name] = str(min(int(number), len(self.cores)))
        if self.gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(self.gpus)
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, self.cores)


def deal(*, n_jobs: int | None, cores: Sequence[int], gpus: Sequence[str], devices: int) -> list[Share]:
    """One share for each job that runs at a time.

    Args:
        n_jobs: jobs at a time; None: one for every `devices` GPUs, or cores where there are no GPUs.
        cores: the CPU cores that may be used.
        gpus: the GPUs that may be used; none: the jobs train on the CPU.
        devices: the most devices that a job asks for.

    Raises:
        UserError: there are not so many GPUs.
    """
    there = gpus or cores
    number = n_jobs or max(1, len(there) // devices)
    if gpus and number * devices > len(gpus):
        raise UserError(
            f"launcher.n_jobs={number} x trainer.devices={devices} is more than the {len(gpus)} GPUs of this"
            " machine"
        )
    each = max(1, len(cores) // number)
    return [
        Share(
            cores=tuple(cores[(i * each + k) % len(cores)] for k in range(each)),
            gpus=tuple(gpus[i * devices : (i + 1) * devices]),
        )
        for i in range(number)
    ]


def devices_of(config: Config) -> int:
    """The processes of a job on each of its nodes."""
    devices = config["trainer"]["devices"]
    return devices if isinstance(devices, int) else 1
