"""`tuneformer.train` inside somebody else's program leaves that program as it was."""

import os
import random
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.version import VersionBase
from omegaconf import OmegaConf

import tuneformer
from tuneformer.errors import UserError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@pytest.fixture
def program() -> Iterator[None]:
    """A program of Hydra's with things of its own where tuneformer keeps some."""
    for module in ("tuneformer.api", "tuneformer.training.run"):  # an import may set what it likes
        import_module(module)
    store, version = ConfigStore.instance(), VersionBase.instance()
    before = store.repo, version.version_base
    store.repo = {**store.repo, "root.yaml": "theirs"}
    version.version_base = "1.2"
    HydraConfig.instance().cfg = "theirs"  # pyright: ignore[reportAttributeAccessIssue]
    OmegaConf.register_resolver("by_size", _their_size, replace=True, annotation_validation="off")
    yield
    store.repo, version.version_base = before
    OmegaConf.clear_resolver("by_size")


def _their_size(size: str) -> str:
    return f"their {size}"


def process_state() -> dict[str, Any]:
    return {
        "hydra": HydraConfig.instance().cfg,
        "global": GlobalHydra.instance().hydra,
        "version": VersionBase.instance().version_base,
        "store": repr(ConfigStore.instance().repo),
        "resolver": OmegaConf.create({"x": "${by_size:s}"}).x,
        "argv": list(sys.argv),
        "environment": dict(os.environ),
        "streams": (sys.stdout, sys.stderr),
        "signals": {number: signal.getsignal(number) for number in SIGNALS},
        "filters": list(warnings.filters),
        "folder": os.getcwd(),  # noqa: PTH109
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "precision": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "grad": torch.is_grad_enabled(),
        "random": (
            torch.get_rng_state().tolist(),
            random.getstate(),
            np.random.get_state()[1].tolist(),  # pyright: ignore[reportIndexIssue, reportArgumentType]
        ),
    }


@pytest.mark.usefixtures("program")
def test_a_call_leaves_the_program_as_it_was_whatever_comes_of_it(small_settings: list[str]) -> None:
    before = process_state()
    run = tuneformer.train([*small_settings, "trainer.precision=64-true", "run_dir=run"])
    assert run.record.status == "finished"
    assert process_state() == before
    for wrong in (["optimizer=none_such"], ["optimizer.lrr=1"], ["optimizer.lr=-1"], ["data.path=nowhere"]):
        with pytest.raises(UserError):
            tuneformer.train([*small_settings, *wrong])
        assert process_state() == before, wrong


TWICE = """
from tuneformer.config.compose import compose_config, restored_hydra
for _ in range(2):
    with restored_hydra():
        compose_config([])
"""


def test_a_second_call_of_a_process_composes_as_the_first() -> None:
    """In a process of its own: Hydra's plugins tell of themselves once, when they are first asked for."""
    subprocess.run([sys.executable, "-c", TWICE], check=True)
