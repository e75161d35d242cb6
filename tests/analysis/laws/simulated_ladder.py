"""Folders of ladders whose law is known: records and configurations, nothing trained."""

import copy
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from tuneformer.analysis.laws.ladder_file import LadderEntry, LadderFile
from tuneformer.checks.config import checked_config
from tuneformer.config.plain import Config
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.record import RunRecord
from tuneformer.runs.trial_roles import EXPLORE, REPORT

GIVEN = ["data.context_length=16", "data.batch_size=4", "model.n_layers=1", "model.n_heads=2"]
WIDTHS = {32: 1.3e4, 64: 5.2e4, 128: 2.1e5}
MULTIPLES = (0.5, 1.0, 2.0)
TOKENS_A_STEP = 64
SEEDS = 3


def truth(parameters: float, tokens: float, worse: float = 1.0) -> float:
    """The planted loss of a tuned run."""
    return worse * (1.6 + 0.9 * (parameters / 1e5) ** -0.34 + 0.5 * (tokens / 2e6) ** -0.28)


def best_rate(parameters: float) -> float:
    """The planted best rate."""
    return 4e-3 * (parameters / 1e5) ** -0.4


@cache
def template() -> Config:
    """The configuration of a small run."""
    return checked_config([*GIVEN, "logger=none", "data.vocab_size=65"])


def write_ladder(
    folder: Path, methods: Mapping[str, float], *, noise: float = 0.002, lost: tuple[str, int] | None = None
) -> None:
    """A ladder of methods, each a factor of the planted loss; `lost` diverges at one width."""
    draw = np.random.default_rng(0)
    entries = [
        LadderEntry(
            name=f"model.d_model={width},{method} at {round(20 * k * size / TOKENS_A_STEP)} steps",
            method=method,
            size=f"model.d_model={width}",
            steps=round(20 * k * size / TOKENS_A_STEP),
            parameters=round(size),
            all_parameters=round(2 * size),
            tokens=round(20 * k * size / TOKENS_A_STEP) * TOKENS_A_STEP,
            flops_per_token=6 * size,
        )
        for method in methods
        for width, size in WIDTHS.items()
        for k in MULTIPLES
    ]
    given = {method: [*GIVEN, method] for method in methods}
    LadderFile(metric="val/loss", given=given, entries=tuple(entries)).write(folder)
    common = {seed: float(draw.standard_normal()) for seed in range(1000, 1000 + SEEDS)}
    for number, entry in enumerate(entries):
        rates = best_rate(entry.parameters) * np.geomspace(0.2, 5, 8)
        runs = [(float(rate), EXPLORE, 0) for rate in rates]
        runs += [(best_rate(entry.parameters), REPORT, seed) for seed in common]
        for index, (rate, role, seed) in enumerate(runs):
            off = 0.02 * math.log(rate / best_rate(entry.parameters)) ** 2
            loss = truth(entry.parameters, entry.tokens, methods[entry.method]) + off
            loss *= math.exp(noise * (float(draw.standard_normal()) / 2 + common.get(seed, 0.0) / 2))
            diverged = lost == (entry.method, int(entry.size.partition("=")[2]))
            _write_run(folder / f"{number}-{index}", entry, rate, role, seed, math.nan if diverged else loss)


def _write_run(folder: Path, entry: LadderEntry, rate: float, role: str, seed: int, loss: float) -> None:
    folder.mkdir(parents=True)
    config = copy.deepcopy(template())
    config["optimizer"]["lr"], config["seed"] = rate, seed
    directory = RunDirectory(folder)
    directory.write_config(config)
    lives = math.isfinite(loss)
    directory.write_record(
        RunRecord(
            status="finished" if lives else "diverged",
            config_hash="",
            started="",
            restarts=0,
            steps=entry.steps,
            wall_seconds=1.0,
            metrics={"final": {"val/loss": loss} if lives else {}, "best": {}},
            data={},
            search={"sampler": "ask", "study": f"mine/{entry.name}", "role": role},
            tokens_per_second=1e9 / entry.parameters,
            epochs=6.0,
        )
    )
