"""Comparisons of planted sweeps, for all tests of what is shown of them."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.analysis.compare.trials import trial, trials
from tests.report.chromium import find_chromium
from tests.wandb_server import KEY, StandIn, stand_in
from tuneformer.analysis.compare.comparison import Comparison, compare
from tuneformer.analysis.compare.trial import LeftOut, Trial, Trials

EVIL = "</script><script>window.broken = 1</script><b>&\"'"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """W&B's server, as far as the client knows."""
    with stand_in() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        yield server


def of(each: Sequence[Trial], *, by: Sequence[str] = ()) -> Comparison:
    """The comparison of planted runs."""
    return of_read(trials(each), by=by)


def of_read(read: Trials, *, by: Sequence[str] = ()) -> Comparison:
    """The comparison of what was read."""
    return compare(read, metric="val/loss", by=by, baseline=None, target=None, tolerance=0.05)


def everything() -> list[Trial]:
    """Two methods, two tuned numbers, two data sets, four lengths, three seeds, random trials, divergence."""
    runs = []
    for (name, factor), task, steps, seed in itertools.product(
        {"adamw": 1.0, "lion": 1.5}.items(), ("a", "b"), (100, 200, 400, 800), (0, 1, 2)
    ):
        for lr, decay in itertools.product((0.01, 0.1), (0.0, 0.1)):
            loss = 20 * (factor * steps) ** -0.5 + 1.5 + (lr - 0.01) + 0.1 * decay + 0.01 * seed
            loss += 0.001 * ((seed * 7 + steps) % 5)  # seeds differ by more than a constant
            lost = lr == 0.1 and name == "lion" and seed == 2
            entropy = 0.5 + 0.1 * lr + 0.01 * seed
            run = trial(
                name,
                lr=lr,
                seed=seed,
                steps=steps,
                task=task,
                val=math.inf if lost else loss,
                changes={"optimizer.weight_decay": decay},
                sampler="random",
                curve=None if lost else [5.5, 3.0, loss + 0.2, loss],
            )
            seen = {} if lost else {"attention/decoder.0.0/entropy": entropy}
            runs.append(replace(run, metrics={**run.metrics, **seen}))
    return runs


@pytest.fixture(scope="session")
def whole() -> Comparison:
    """A comparison in which there is everything that can be shown, and text that means harm."""
    read = trials(everything(), left_out=[LeftOut(source=f"outputs/{EVIL}", reason="running")])
    read = Trials(
        **{**vars(read), "commands": (f"train.py notes={EVIL}",), "provenance": {"commit": (EVIL,)}}
    )
    return of_read(read, by=["data", "horizon"])


CURVES = {"adamw": [4.0, 3.0, 2.0], "lion": [3.9, 1.95, 1.9]}


@pytest.fixture(scope="session")
def plain() -> Comparison:
    """Two methods at one length, tuned over one rate."""
    runs = [
        trial(name, lr=lr, seed=s, val=2 + lr - 0.1 * (name == "lion") + 0.01 * s, curve=CURVES[name])
        for name in ("adamw", "lion")
        for lr in (0.01, 0.1)
        for s in (0, 1, 2)
    ]
    return of(runs)
