"""How long a comparison of a large sweep takes, and how much memory."""

import csv
import itertools
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.memory import peak_mib
from tuneformer.config.compose import compose_config
from tuneformer.measures.measure import PLACE
from tuneformer.measures.registry import AT_LOG, BY_GRADIENTS, BY_PROBE, BY_UPDATES, MEASURES
from tuneformer.runs.metrics_file import in_order

METHODS, RATES = 10, 10
LAYERS, HEADS = 4, 4
ROWS_PER_VALIDATION = 10


def measure_comparison(script: Path, *, runs: int, rows: int) -> dict[str, float]:
    """Seconds and peak resident MiB of scripts/compare.py over `runs` runs of `rows` logged steps, cold.

    `page_mb` is the size of the page that it writes.
    """
    with tempfile.TemporaryDirectory() as folder:
        sweep = Path(folder)
        write_sweep(sweep, runs=runs, rows=rows)
        started = time.perf_counter()
        peak = peak_mib([str(script), str(sweep)])
        return {
            "seconds": time.perf_counter() - started,
            "peak_mib": peak,
            "page_mb": (sweep / "comparison.html").stat().st_size / 1e6,
        }


def write_sweep(sweep: Path, *, runs: int, rows: int) -> None:
    """Runs of ten methods at ten rates over seeds, with the full configuration and columns of a real run."""
    from omegaconf import OmegaConf

    config: dict[str, Any] = OmegaConf.to_container(compose_config([])[0], resolve=True)  # pyright: ignore
    points = itertools.product(range(runs // (METHODS * RATES)), range(METHODS), range(RATES))
    for seed, method, rate in points:
        lr = 1e-3 * 2**rate
        config["seed"], config["optimizer"]["lr"] = seed, lr
        config["optimizer"]["_target_"] = f"torch.optim.Method{method}"
        folder = sweep / f"optimizer=method{method},optimizer.lr={lr:g},seed={seed}"
        folder.mkdir()
        OmegaConf.save(OmegaConf.create(config), folder / "config.yaml")
        loss = 2 + 0.1 * abs(rate - 4) + 0.02 * method + 0.003 * ((seed * 7 + method * 3) % 10)
        (folder / "record.json").write_text(json.dumps(plain_record(loss, rows)), encoding="utf-8")
        write_metrics(folder / "metrics.csv", loss, rows)


def plain_record(loss: float, rows: int) -> dict[str, Any]:
    """A record as compare.py reads it, of a run that ended at `loss`."""
    final = dict.fromkeys(_columns()[1], loss) | {"test/loss": loss + 0.05, "train/loss": loss}
    return {
        "status": "finished",
        "metrics": {"final": final, "best": {}},
        "steps": rows * 10,
        "tokens": rows * 10_000,
        "train_seconds": 60.0,
        "wall_seconds": 70.0,
        "config_hash": "0",
        "started": "",
        "restarts": 0,
        "data": {"fingerprint": "0"},
    }


def write_metrics(path: Path, loss: float, rows: int) -> None:
    """A metrics.csv with the columns of a default run."""
    logged, validated = _columns()
    columns = in_order([*logged, *validated])
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in range(1, rows + 1):
            value = loss + 3.0 / row
            cells = dict.fromkeys(logged, repr(0.98765432 / row))
            if row % ROWS_PER_VALIDATION == 0:
                cells |= dict.fromkeys(validated, repr(value))
            cells |= {"step": str(10 * row), "tokens": str(10_000 * row), "seconds": repr(0.12345678 * row)}
            cells["train/loss"] = repr(value + 0.01)
            writer.writerow([cells.get(column, "") for column in columns])


def _columns() -> tuple[list[str], list[str]]:
    """What a run of the default model logs at a step, and at a validation."""
    groups = ("embeddings", "matrices", "norms_and_biases")
    logged = ["step", "tokens", "seconds", "train/loss", "throughput/step_ms", "throughput/tokens_per_second"]
    logged += [f"{name}/{group}" for name in ("lr", "weight_decay") for group in groups]
    validated = ["val/loss", "val/bits_per_byte", "val/perplexity"]
    layers = [f"decoder.{layer}" for layer in range(LAYERS)]
    heads = [f"{layer}.{head}" for layer in layers for head in range(HEADS)]
    places = {"<group>": groups, "<part>": ("embedding", "norm", *layers), "<stack>.<layer>": layers}
    places["<stack>.<layer>.<head>"] = heads
    for measure in MEASURES:
        if measure.taken in (AT_LOG, BY_GRADIENTS, BY_UPDATES, BY_PROBE):
            columns = validated if measure.taken == BY_PROBE else logged
            found = PLACE.search(measure.column)
            columns += [measure.at(place) for place in (places[found[0]] if found else ("",))]
    return logged, validated
