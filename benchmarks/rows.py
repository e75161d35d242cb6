"""The rows of the table of ratios (make bench)."""

import contextlib
import io
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TRAIN = ROOT / "train.py"


def print_start(repeats: int) -> None:
    """Rows for the start of a run."""
    from benchmarks.start_time import measure_start_time

    start = measure_start_time(TRAIN, repeats=repeats)
    row = f"{start.our_median:.2f} s | {start.their_median:.2f} s (imports alone) | {start.ratio()}"
    print(f"| process start to first step | {row} | 1.6 |", flush=True)


def print_answers(repeats: int) -> None:
    """Rows for what train.py says at once."""
    from benchmarks.answer_time import measure_answer_times

    for what, seconds, limit in measure_answer_times(TRAIN, repeats=repeats):
        print(f"| answer: {what} | {seconds:.2f} s | | | {limit} s |", flush=True)


def print_loops(repeats: int) -> None:
    """Rows for a training step against that of a plain loop."""
    from benchmarks.step_time import SIZES, measure_step_time

    for size, target in zip(SIZES, ("1.05", "1.35"), strict=True):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            step = measure_step_time(size, repeats=repeats)
        row = f"{step.our_median:.2f} ms | {step.their_median:.2f} ms (plain loop) | {step.ratio(3)}"
        print(f"| training step, {size} model | {row} | {target} |", flush=True)


def print_memory(repeats: int) -> None:
    """Rows for the peak memory of a run."""
    from benchmarks.memory import measure_against_loop, measure_log, measure_memory

    corpora = partial(measure_memory, TRAIN, small_bytes=1_000_000, times=2000, repeats=1)
    for what, yardstick, measure, limit in (
        (
            "experiment=nanogpt_cpu",
            "hand-written loop",
            partial(measure_against_loop, TRAIN, repeats=repeats),
            "+143",
        ),
        ("a token file of 2 GB", "a token file of 1 MB", corpora, "+19"),
        ("10,000 logged steps", "one row", partial(measure_log, TRAIN, rows=10_000, repeats=1), "+9.5"),
    ):
        found = measure()
        row = f"{found.our_median:.0f} MiB | {found.their_median:.0f} MiB ({yardstick})"
        print(f"| peak memory, {what} | {row} | {found.more(1)} MiB | below {limit} MiB |", flush=True)


def print_comparison(repeats: int) -> None:
    """The time, memory and page of a comparison of a thousand runs, once."""
    del repeats
    from benchmarks.compare_time import measure_comparison

    found = measure_comparison(TRAIN.parent / "scripts" / "compare.py", runs=1000, rows=500)
    what = "comparison of 1,000 runs with 500 logged steps"
    print(f"| {what}: time | {found['seconds']:.1f} s | | | 15 s |")
    print(f"| {what}: peak memory | {found['peak_mib']:.0f} MiB | | | 1,024 MiB |")
    print(f"| {what}: the page | {found['page_mb']:.1f} MB | | | 10 MB |", flush=True)


def print_attention_page(repeats: int) -> None:
    """Rows for the page of scripts/analyze.py."""
    from benchmarks.attention_page import (
        HEADS,
        LAYERS,
        STEPS,
        TOKENS,
        measure_analysis,
        measure_attention_page,
    )

    seconds = measure_analysis(TRAIN, TRAIN.parent / "scripts" / "analyze.py")
    print(f"| analysis of a run of the default model, 10 snapshots | {seconds:.1f} s | | | 30 s |")
    found = measure_attention_page(repeats=repeats)
    what = f"attention page, {LAYERS} x {HEADS} heads, {TOKENS} tokens, {STEPS} steps"
    print(f"| {what}: size | {found['page_mb']:.1f} MB | | | 25 MB |")
    print(f"| {what}: first view | {found['first_view_s']:.2f} s | | | 3 s |")
    print(f"| {what}: another head | {found['head_ms']:.0f} ms | | | 100 ms |")
    print(f"| {what}: another step | {found['step_ms']:.0f} ms | | | 100 ms |", flush=True)


def print_diagnostics(repeats: int) -> None:
    """What it costs to watch a run."""
    from benchmarks.diagnostics_cost import measure_diagnostics

    for option, target in (("default", "3 %"), ("diagnostics", "10 %")):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            cost = measure_diagnostics(option, repeats=repeats)
        share = f"{cost['percent']:.1f} % of training ({cost['seconds']:.1f} s)"
        print(
            f"| measuring, callbacks={option}, default model and cadences | {share} | | | {target} |",
            flush=True,
        )


def print_sweeps(repeats: int) -> None:
    """Rows for sweeps."""
    from benchmarks.sweep_memory import measure_sweep_memory
    from benchmarks.sweep_time import N_JOBS, measure_preflight_time, measure_sweep_time

    to_serial, to_separate = measure_sweep_time(TRAIN, repeats=repeats)
    for found, yardstick, target in (
        (to_serial, "launcher=serial", "0.6"),
        (to_separate, f"{N_JOBS} processes", "0.25"),
    ):
        row = f"{found.our_median:.1f} s | {found.their_median:.1f} s ({yardstick}) | {found.ratio()}"
        print(f"| {N_JOBS} smoke runs, launcher=local n_jobs=2 | {row} | {target} |", flush=True)
    seconds = measure_preflight_time(TRAIN)
    print(f"| preflight of 1,000 jobs | {seconds:.1f} s | | | 20 s, timed steps not counted |", flush=True)
    resident = measure_sweep_memory(TRAIN, n_jobs=50)
    row = f"{resident[49]:.1f} MiB | {resident[9]:.1f} MiB (after 10) | {resident[49] - resident[9]:+.1f} MiB"
    print(f"| memory after 50 smoke runs, launcher=serial | {row} | below +10 MiB |", flush=True)


def print_large_folders(repeats: int) -> None:
    """Rows for reading where there is much: seconds of processor, and peak memory."""
    from benchmarks.large_folders import measure_long_run, measure_status

    del repeats
    first, again = measure_status(jobs=2000)
    print(f"| status of 2,000 jobs: first look | {first:.1f} s | | | 2 s |")
    print(f"| status of 2,000 jobs: nothing has changed | {again:.2f} s | | | |", flush=True)
    seconds, peak = measure_long_run(TRAIN.parent / "scripts/compare.py", rows=1_000_000)
    print(f"| comparison of a run of a million rows: time | {seconds:.1f} s | | | 6 s |")
    print(
        f"| comparison of a run of a million rows: peak memory | {peak:.0f} MiB | | | 400 MiB |", flush=True
    )
