"""What the trainer can be set to; `training.trainer` builds it. Nothing here imports torch."""

import os
from dataclasses import dataclass
from typing import Annotated

from tuneformer.config.ranges import AT_LEAST_ONE, CORES, MACHINES, POSITIVE, Number, whole
from tuneformer.config.setting import AUTO, Setting

STEPS = "optimizer steps"
MOST_STEPS = 10**10  # four months of steps that take a millisecond
MEASURED = "measured before the first step"


@dataclass(frozen=True, kw_only=True)
class TrainerSettings:
    """The training loop: Lightning's Trainer under its own names, and what belongs to the machine.

    The batch of one optimizer step is data.batch_size, whatever the devices and the accumulation.
    """

    max_steps: Annotated[
        int, Setting("length of the run, and the horizon of every schedule", whole(1, MOST_STEPS), unit=STEPS)
    ]
    val_check_interval: Annotated[
        int,
        Setting(
            "from one validation to the next; the last step always validates",
            AT_LEAST_ONE,
            unit=STEPS,
            weights=False,
        ),
    ]
    log_every_n_steps: Annotated[
        int, Setting("from one row of metrics.csv to the next", AT_LEAST_ONE, unit=STEPS, weights=False)
    ]
    gradient_clip_val: Annotated[
        Number | None,
        Setting("largest global norm of the gradient", POSITIVE, null="no clipping", also_try=(1.0, None)),
    ]
    accumulate_grad_batches: Annotated[
        int,
        Setting(
            "parts that one batch is computed in; changes memory, not the result", AT_LEAST_ONE, weights=False
        ),
    ]
    accelerator: Annotated[
        str, Setting("kind of device", (AUTO, "cpu", "gpu", "cuda", "mps", "tpu"), weights=False)
    ]
    devices: Annotated[
        int | str,
        Setting(
            "processes on this machine, one a device",
            CORES,
            auto="all devices there are",
            weights=False,
        ),
    ]
    num_nodes: Annotated[int, Setting("machines", MACHINES, weights=False)]
    strategy: Annotated[
        str,
        Setting(
            "how devices share the work; fsdp spreads parameters, gradients and optimizer state (FSDP2)",
            (AUTO, "ddp", "ddp_find_unused_parameters_true", "fsdp"),
            weights=False,
        ),
    ]
    precision: Annotated[
        str,
        Setting(
            "of the arithmetic; auto: the faster of 32-true and bf16-mixed",
            ("32-true", "bf16-mixed", "bf16-true", "16-mixed", "64-true", AUTO),
        ),
    ]
    float32_matmul_precision: Annotated[
        str,
        Setting(
            "torch.set_float32_matmul_precision; auto: the faster of highest and medium (CPU) or high (GPU)",
            ("highest", "high", "medium", AUTO),
        ),
    ]
    compile: Annotated[
        bool | str,
        Setting("torch.compile on the model; checkpoints keep the plain names", auto=MEASURED, weights=False),
    ]
    threads: Annotated[
        int | str | None,
        Setting(
            "CPU threads of torch in each process",
            CORES,
            null="OMP_NUM_THREADS, else 1 where a step is small, else cores over devices",
            auto=MEASURED,
            weights=False,
        ),
    ]
    deterministic: Annotated[bool, Setting("only deterministic kernels (slower on GPUs; those of CPUs are)")]

    @property
    def processes(self) -> int:
        """The processes that share the CPU cores of this machine."""
        return self.devices if isinstance(self.devices, int) and self.accelerator in (AUTO, "cpu") else 1


def available_cores() -> int:
    """The CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
