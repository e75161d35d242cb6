"""Keeps out what an import brings along and no run uses.

torchmetrics, which Lightning imports, loads matplotlib for the plots of its metrics, scipy for sound and
transformers for BERTScore, wherever they are installed. In our commands it does not find them.

What that buys, where all three are installed, on a machine with two cores: 2.5 of 5.8 seconds of CPU time and
113 of 425 MiB, the medians of five runs (user + sys, %M / 1024) in turn of

    /usr/bin/time -f '%U %S %M' python -c 'import pytorch_lightning'
    /usr/bin/time -f '%U %S %M' python -c 'from tuneformer.process.lean_imports import keep_imports_lean
    keep_imports_lean(); import pytorch_lightning'
"""

import importlib.metadata
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from unittest.mock import patch

IMPORTED = "torchmetrics"
KEPT_OUT = ("matplotlib", "scipy", "transformers")


def keep_imports_lean() -> None:
    """From now on the import of torchmetrics does not load KEPT_OUT; they can be imported before and after.

    Its metrics cannot plot in this process then, so that it is for commands, not for what is imported.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != IMPORTED:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            with _kept_out([name for name in KEPT_OUT if name not in sys.modules]):
                execute(module)

        spec.loader.exec_module = exec_module
        return spec


@contextmanager
def _kept_out(names: Sequence[str]) -> Iterator[None]:
    """As if the packages were not installed."""
    distribution = importlib.metadata.distribution

    def installed(name: str) -> importlib.metadata.Distribution:
        if name in names:
            raise importlib.metadata.PackageNotFoundError(name)
        return distribution(name)

    absent = dict.fromkeys(names)
    sys.modules.update(absent)  # pyright: ignore[reportCallIssue, reportArgumentType]  # None: import fails
    try:
        with patch.object(importlib.metadata, "distribution", installed):
            yield
    finally:
        for name in absent:
            del sys.modules[name]
