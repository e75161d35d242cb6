"""What several launchers can be set to."""

from typing import Annotated

from tuneformer.config.ranges import AT_LEAST_ONE, AT_LEAST_ZERO
from tuneformer.config.setting import Setting

Cores = Annotated[int, Setting("CPUs of each process of a job, and its torch threads at most", AT_LEAST_ONE)]
Gpus = Annotated[
    int | None,
    Setting("GPUs of a job", AT_LEAST_ZERO, null="trainer.devices where there are any", unit="on each node"),
]
