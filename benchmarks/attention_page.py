"""How long an analysis takes, how large the page of a large model is, and how quickly a browser shows it."""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from tuneformer.analysis.attention.analysis import AttentionAnalysis, Step
from tuneformer.analysis.attention.curves import Curves
from tuneformer.analysis.attention.example import Axes, Example
from tuneformer.analysis.attention.scores import HeadScores
from tuneformer.measures.registry import ENTROPY
from tuneformer.report.attention_page.html import write_page
from tuneformer.runs.probe_files import ProbeSnapshot, Site

LAYERS, HEADS, TOKENS, STEPS = 12, 12, 256, 10

# milliseconds from a change until its map is painted
MILLISECONDS = """
async (key) => {
  const before = document.body.dataset.shown;
  const started = performance.now();
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  while (document.body.dataset.shown === before) await new Promise((done) => setTimeout(done));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - started;
}
"""


def measure_attention_page(*, repeats: int) -> dict[str, float]:
    """Size in MB, seconds to the first map, and median milliseconds of another head and of another step.

    12 layers of 12 heads on 256 tokens at 10 steps, maps as those of a softmax of normal logits whose
    deviation grows from 0.1 to 2; in Debian's chromium.
    """
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder) / "attention.html"
        write_page(page_file, [large_analysis()], command="")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        views = []
        for _ in range(repeats):
            started = time.perf_counter()
            page.goto(page_file.as_uri())
            page.wait_for_selector("body[data-shown]")
            views.append(time.perf_counter() - started)
        heads = [float(page.evaluate(MILLISECONDS, "ArrowRight")) for _ in range(LAYERS * HEADS // 6)]
        steps = [float(page.evaluate(MILLISECONDS, "[")) for _ in range(STEPS - 1)]
        browser.close()
        return {
            "page_mb": page_file.stat().st_size / 1e6,
            "first_view_s": median(views),
            "head_ms": median(heads),
            "step_ms": median(steps),
        }


def measure_analysis(train_script: Path, analyze_script: Path) -> float:
    """Seconds of scripts/analyze.py, cold, on a run of the default model with its snapshots."""
    with tempfile.TemporaryDirectory() as folder:
        settings = ["trainer.max_steps=20", "trainer.val_check_interval=2", "logger=none"]
        settings += ["data.max_validation_bytes=20000", f"run_dir={folder}/run"]
        subprocess.run([sys.executable, str(train_script), *settings], check=True, capture_output=True)
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, str(analyze_script), f"{folder}/run"], check=True, capture_output=True
        )
        return time.perf_counter() - started


def large_analysis() -> AttentionAnalysis:
    """A run that never was."""
    rng = np.random.default_rng(0)
    names = tuple(f"token{place}" for place in range(TOKENS))
    sites: list[Site] = [("decoder", layer) for layer in range(LAYERS)]
    steps = [_step(rng, 100 * number, sites, 0.1 + 1.9 * number / (STEPS - 1)) for number in range(STEPS)]
    points = [(float(step.step), 3 - step.step / 1000) for step in steps]
    return AttentionAnalysis(
        name="large",
        path=Path("large"),
        model="a decoder",
        task="language_modelling",
        example=Example(axes={"decoder": Axes(queries=names, keys=names, following=(*names[1:], ""))}),
        steps=tuple(steps),
        scores=HeadScores(scores={}, loss=None, n_repeated=None),
        layers={},
        guesses=None,
        curves=Curves(
            losses={"val/loss": points},
            heads={ENTROPY.key: {site: dict.fromkeys(range(HEADS), points) for site in sites}},
        ),
        measured_on="nothing",
        notes=(),
        findings=(),
    )


def _step(rng: np.random.Generator, step: int, sites: list[Site], deviation: float) -> Step:
    allowed = np.tri(TOKENS, dtype=bool)
    weights = {}
    for site in sites:
        logits = rng.normal(scale=deviation, size=(HEADS, TOKENS, TOKENS)).astype(np.float32)
        size = np.exp(logits) * allowed
        weights[site] = size / size.sum(axis=-1, keepdims=True)
    lengths = rng.uniform(0.2, 2, size=TOKENS).astype(np.float32)
    entropy = {site: rng.uniform(size=HEADS) for site in sites}
    snapshot = ProbeSnapshot(
        step=step,
        weights=weights,
        normed={site: maps * lengths for site, maps in weights.items()},
        allowed=dict.fromkeys(sites, allowed),
        heads={ENTROPY.key: entropy},
    )
    return Step(snapshot=snapshot, rollout={}, from_checkpoint=False)
