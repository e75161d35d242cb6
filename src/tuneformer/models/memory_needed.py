"""Whether this machine can hold a model, told before it is built."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tuneformer.errors import UserError, reason_of

Settings = Mapping[str, Any]

LAYERS = "n_layers"
WIDTH = "d_model"
BYTES_OF_A_NUMBER = 4
BYTES_OF_A_LAYER = 1 << 16
"""What the objects of a layer take, whatever its width."""
SMALL_BYTES = 1 << 30
MATRICES_OF_A_LAYER = 32
"""More than any layer has of the size (largest setting x largest setting)."""
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def check_memory(settings: Settings, attention: Settings, build: Callable[[Settings], nn.Module]) -> None:
    """Raises UserError where the weights of a model need more memory than this machine has available.

    `build(settings)` makes the model. It is called on torch's meta device, where numbers take no memory,
    with one and with two layers; layers are alike. What is small by its settings is not built at all.
    """
    sizes = {f"attention.{name}": value for name, value in attention.items() if _is_size(value)}
    sizes |= {f"model.{name}": value for name, value in settings.items() if _is_size(value)}
    n_layers = sizes.pop(f"model.{LAYERS}", 1)
    if not sizes:
        return
    largest = max(sizes, key=lambda name: sizes[name])
    if sizes[largest] >= 2**63:
        raise UserError(f"{largest}={sizes[largest]:.3e} cannot be built: it is beyond all bounds")
    if sizes[largest] ** 2 * n_layers * MATRICES_OF_A_LAYER * BYTES_OF_A_NUMBER < SMALL_BYTES:
        return
    there = available_bytes()
    # a layer has one matrix of the width squared at least; to build what is so wide takes long even so
    least = sizes.get(f"model.{WIDTH}", 0) ** 2 * n_layers * BYTES_OF_A_NUMBER
    if there is not None and least > there:
        raise _too_large(f"at least {_gib(least)}", there, sizes, n_layers)
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            one, *two = (
                _n_numbers(build({**settings, LAYERS: layers} if LAYERS in settings else settings))
                for layers in range(1, min(n_layers, 2) + 1)
            )
    except (RuntimeError, OverflowError, MemoryError) as error:
        # a product beyond 64 bits
        raise UserError(f"{largest}={sizes[largest]} cannot be built: {reason_of(error)}") from error
    each = two[0] - one if two else 0
    needed = (one + each * (n_layers - 1)) * BYTES_OF_A_NUMBER + n_layers * BYTES_OF_A_LAYER
    if there is not None and needed > there:
        raise _too_large(_gib(needed), there, sizes, n_layers)


def _too_large(needed: str, there: int, sizes: Mapping[str, int], n_layers: int) -> UserError:
    largest = max(sizes, key=lambda name: sizes[name])
    return UserError(
        f"the model's weights need {needed} GiB and this machine has {_gib(there)} GiB of memory left:"
        f" lower {largest}={sizes[largest]} or model.{LAYERS}={n_layers}"
    )


def available_bytes() -> int | None:
    """Memory that can still be had, by the system and by the limit of its control group; None: unknown."""
    found = [bound for file in LIMITS if (bound := _number_in(Path(file))) is not None]
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        lines = (line.split() for line in meminfo.read_text(encoding="ascii").splitlines())
        found += [int(words[1]) * 1024 for words in lines if words and words[0] == "MemAvailable:"]
    else:
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(found, default=None)


def _number_in(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _n_numbers(model: nn.Module) -> int:
    return sum(each.numel() for each in (*model.parameters(), *model.buffers()))


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:,.1f}"
