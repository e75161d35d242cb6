"""Prints the ratios of docs/performance.md, each from runs in turn on this machine: make bench"""

import contextlib
import io
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from tuneformer.cli.command_line import CommandParser, run_script
from tuneformer.errors import UserError

TRAIN = Path(__file__).resolve().parents[1] / "train.py"


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="measurements of each figure (default: 3)")
    for name, (_, what) in SECTIONS.items():
        parser.add_argument(f"--only-{name}", action="append_const", dest="only", const=name, help=what)
    given = parser.parse_args()
    if given.repeats < 1:
        raise UserError(f"--repeats={given.repeats} must be at least 1")
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler tells of each time that it starts
    chosen = given.only or list(SECTIONS)
    if not set(chosen) <= TABLES_OF_THEIR_OWN:
        print("| what | here | yardstick | ratio | target |\n|---|---|---|---|---|")
    for name in chosen:
        print_section, _ = SECTIONS[name]
        print_section(given.repeats)


def print_start(repeats: int) -> None:
    """Rows for the start of a run."""
    from tuneformer.benchmarks.start_time import measure_start_time

    start = measure_start_time(TRAIN, repeats=repeats)
    row = f"{start.our_median:.2f} s | {start.their_median:.2f} s (imports alone) | {start.ratio()}"
    print(f"| process start to first step | {row} | 1.6 |", flush=True)


def print_start_parts(repeats: int) -> None:
    """Tables of their own: what the seconds to the first step, and of a job of a sweep, are spent on."""
    from tuneformer.benchmarks.job_parts import measure_job_parts
    from tuneformer.benchmarks.start_parts import measure_start_parts

    for what, parts in (
        ("to the first step", measure_start_parts(TRAIN, repeats=repeats)),
        ("a job of a sweep", measure_job_parts(n_jobs=4 * repeats)),
    ):
        print(f"\n| {what} | seconds |\n|---|---|")
        for part, seconds in parts.items():
            print(f"| {part} | {seconds:.2f} |", flush=True)


def print_answers(repeats: int) -> None:
    """Rows for what train.py says at once."""
    from tuneformer.benchmarks.answer_time import measure_answer_times

    for what, seconds, limit in measure_answer_times(TRAIN, repeats=repeats):
        print(f"| answer: {what} | {seconds:.2f} s | | | {limit} s |", flush=True)


def print_loops(repeats: int) -> None:
    """Rows for a training step against that of a plain loop."""
    from tuneformer.benchmarks.step_time import SIZES, measure_step_time

    for size, target in zip(SIZES, ("1.05", "1.35"), strict=True):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            step = measure_step_time(size, repeats=repeats)
        row = f"{step.our_median:.2f} ms | {step.their_median:.2f} ms (plain loop) | {step.ratio(3)}"
        print(f"| training step, {size} model | {row} | {target} |", flush=True)


def print_memory(repeats: int) -> None:
    """Rows for the peak memory of a run."""
    from tuneformer.benchmarks.memory import measure_against_loop, measure_log, measure_memory

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
    from tuneformer.benchmarks.compare_time import measure_comparison

    found = measure_comparison(TRAIN.parent / "scripts" / "compare.py", runs=1000, rows=500)
    what = "comparison of 1,000 runs with 500 logged steps"
    print(f"| {what}: time | {found['seconds']:.1f} s | | | 15 s |")
    print(f"| {what}: peak memory | {found['peak_mib']:.0f} MiB | | | 1,024 MiB |")
    print(f"| {what}: the page | {found['page_mb']:.1f} MB | | | 10 MB |", flush=True)


def print_attention_page(repeats: int) -> None:
    """Rows for the page of scripts/analyze.py."""
    from tuneformer.benchmarks.attention_page import (
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
    from tuneformer.benchmarks.diagnostics_cost import measure_diagnostics

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
    from tuneformer.benchmarks.sweep_memory import measure_sweep_memory
    from tuneformer.benchmarks.sweep_time import N_JOBS, measure_preflight_time, measure_sweep_time

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


def print_steps(repeats: int) -> None:
    """Tables of their own: what a step is spent on at three widths, and what trainer=auto makes of two."""
    from tuneformer.benchmarks.fastest_setting import measure_fastest
    from tuneformer.benchmarks.step_shares import PARTS, SIZES, measure_step_shares

    print(f"\n| size | step | {' | '.join(PARTS)} | GFLOP/s | of its largest product |")
    print(f"|---|---|{'---|' * len(PARTS)}---|---|")
    for size, trainer in [*((size, "default") for size in SIZES), (list(SIZES)[-1], "auto")]:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            found = measure_step_shares(size, overrides=[f"trainer={trainer}"])
        shares = " | ".join(f"{found.shares[part]:.1%}" for part in PARTS)
        rates = f"{found.rate / 1e9:.0f} | {found.rate / found.product_rate:.0%}"
        print(f"| {size}, trainer={trainer} | {found.milliseconds:.1f} ms | {shares} | {rates} |", flush=True)
    print("\n| size | trainer=default | trainer=auto | ratio | chosen |\n|---|---|---|---|---|")
    for size in SIZES:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            times, chosen = measure_fastest(size, repeats=repeats)
        settings = " ".join(f"{name}={value}" for name, value in chosen.items())
        row = f"{times.our_median:.1f} ms | {times.their_median:.1f} ms | {times.ratio()}"
        print(f"| {size} | {row} | {settings} |", flush=True)


def print_short_attention(repeats: int) -> None:
    """A table of its own: attention of short texts in bfloat16, ours against torch's kernel."""
    from tuneformer.benchmarks.short_attention import measure_short_attention

    print("\n| batch, heads, tokens, width | ours | torch's kernel | ratio | error | its error |")
    print("|---|---|---|---|---|---|")
    for cost in measure_short_attention(repeats=3 * repeats):
        times = cost.milliseconds
        row = f"{times.our_median:.2f} ms | {times.their_median:.2f} ms | {times.ratio()}"
        errors = f"{cost.ours_error:.1e} | {cost.kernel_error:.1e}"
        print(f"| {_listed(cost.shape)} | {row} | {errors} |", flush=True)


def print_optimizers(repeats: int) -> None:
    """A table of its own: every optimizer on the default model."""
    import torch

    from tuneformer.benchmarks.optimizer_step import measure_optimizer_steps
    from tuneformer.config.options import list_options
    from tuneformer.training.settings import available_cores

    torch.set_num_threads(available_cores())
    options = [option for option in list_options("optimizer", [TRAIN.parent / "conf"]) if option != "any"]
    print("\n| optimizer | training step | of it the optimizer | step / adamw's | state per parameter |")
    print("|---|---|---|---|---|")
    for cost in measure_optimizer_steps(options, repeats=repeats, overrides=[]):
        print(
            f"| {cost.option} | {cost.step_ms:.1f} ms | {cost.own_ms:.1f} ms | {cost.ratio:.2f}"
            f" | {cost.state_per_parameter:.2f} |",
            flush=True,
        )


def print_attention(repeats: int) -> None:
    """A table of its own: how every attention module grows with the text."""
    from tuneformer.benchmarks.attention_cost import LENGTHS, MIB, measure_attention_costs
    from tuneformer.config.options import list_options

    options = list_options("attention", [TRAIN.parent / "conf"])
    short, long = LENGTHS[0], LENGTHS[-1]
    print(f"\n| attention | ms at {short} | ms at {long} | time ~ T^p | MiB at {long} | memory ~ T^p |")
    print("|---|---|---|---|---|---|")
    for cost in measure_attention_costs(options, lengths=LENGTHS, repeats=repeats):
        print(
            f"| {cost.option} | {1e3 * cost.seconds[0]:.1f} | {1e3 * cost.seconds[-1]:.0f}"
            f" | {cost.time_exponent:.2f} | {cost.peak_bytes[-1] / MIB:.0f} | {cost.memory_exponent:.2f} |",
            flush=True,
        )


def print_growth(repeats: int) -> None:
    """Tables of their own: how a step grows with each thing that is doubled, and a sweep with its runs."""
    from tuneformer.benchmarks.growth import AXES, draw, fitted_line, measure_growth, measure_sweep_growth

    print("\n| doubled | values | ms a step | time ~ x^p | at the end | MiB | memory ~ x^p |")
    print("|---|---|---|---|---|---|---|")
    growths = []
    for axis in AXES:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            growths.append(growth := measure_growth(axis, steps=4 * repeats))
        values, times = _listed(growth.values), _listed(round(1e3 * each) for each in growth.seconds)
        row = f"| {axis} | {values} | {times} | {growth.time_exponent:.2f} | {growth.last_exponent:.2f}"
        memory = _listed(round(each) for each in growth.mib)
        print(f"{row} | {memory} | {growth.memory_exponent:.2f} |", flush=True)
    runs, seconds = measure_sweep_growth(TRAIN)
    start, each = fitted_line(runs, seconds)
    print("\n| runs in a sweep, launcher=local | seconds | fit |\n|---|---|---|")
    taken = _listed(f"{second:.1f}" for second in seconds)
    print(f"| {_listed(runs)} | {taken} | {start:.1f} s + {each:.2f} s a run |")
    draw(GROWTH_PLOT, growths, runs=runs, seconds=seconds)
    print(f"\n{GROWTH_PLOT}", flush=True)


def print_large_folders(repeats: int) -> None:
    """Rows for reading where there is much: seconds of processor, and peak memory."""
    from tuneformer.benchmarks.large_folders import measure_long_run, measure_status

    del repeats
    first, again = measure_status(jobs=2000)
    print(f"| status of 2,000 jobs: first look | {first:.1f} s | | | 2 s |")
    print(f"| status of 2,000 jobs: nothing has changed | {again:.2f} s | | | |", flush=True)
    seconds, peak = measure_long_run(TRAIN.parent / "scripts/compare.py", rows=1_000_000)
    print(f"| comparison of a run of a million rows: time | {seconds:.1f} s | | | 6 s |")
    print(
        f"| comparison of a run of a million rows: peak memory | {peak:.0f} MiB | | | 400 MiB |", flush=True
    )


def print_threads(repeats: int) -> None:
    """A table of its own: a step with one thread and with all cores, the other cores idle and busy."""
    from tuneformer.benchmarks.threads_cost import SIZES, measure_threads

    print("\n| size | one thread | all cores | times as fast | with the other cores busy |")
    print("|---|---|---|---|---|")
    for size in SIZES:
        idle, busy = (measure_threads(size, turns=2 * repeats + 1, busy=each) for each in (False, True))
        one, many = (1e3 * min(each) for each in (idle.one, idle.all_cores))
        print(f"| {size} | {one:.1f} ms | {many:.1f} ms | {idle.gain:.2f} | {busy.gain:.2f} |", flush=True)


def print_paper(repeats: int) -> None:
    """A table of its own, on paper: recipes on one H100 and on 64."""
    from tuneformer.benchmarks.projection import H100, count_step, step_seconds

    del repeats
    print("\n| recipe | operations a step | parameters | kernels a step | devices | a step |")
    print("|---|---|---|---|---|---|")
    for recipe in RECIPES:
        step = count_step(recipe.split())
        counted = f"{step.flops:.2e} | {step.parameters:,} | {step.n_kernels}"
        for wanted in (1, 64):
            devices = min(wanted, step.n_sequences)
            milliseconds = 1e3 * step_seconds(step, n_devices=devices, device=H100)
            print(f"| `{recipe}` | {counted} | {devices} | {milliseconds:.2f} ms |", flush=True)


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


GROWTH_PLOT = Path("outputs/bench/growth.png")
RECIPES = (
    "experiment=nanogpt_cpu",
    "experiment=speedrun",
    "experiment=speedrun model.n_layers=12 model.n_heads=12 model.d_model=768 data.context_length=1024"
    " data.batch_size=512",
)
SECTIONS: dict[str, tuple[Callable[[int], None], str]] = {
    "start": (print_start, "from the start of the process to the first step"),
    "answers": (print_answers, "what comes before torch is imported"),
    "loops": (print_loops, "a step against a plain loop"),
    "memory": (print_memory, "peak memory"),
    "comparison": (print_comparison, "a comparison of a thousand runs"),
    "page": (print_attention_page, "the page of attention"),
    "diagnostics": (print_diagnostics, "what it costs to watch a run"),
    "sweeps": (print_sweeps, "sweeps"),
    "start-parts": (print_start_parts, "what the start, and a job of a sweep, are spent on"),
    "steps": (print_steps, "what a step is spent on, and trainer=auto"),
    "short-attention": (print_short_attention, "attention of short texts in bfloat16"),
    "growth": (print_growth, "cost against width, depth, context, batch and runs in a sweep"),
    "large-folders": (print_large_folders, "the status of 2,000 jobs, a run of a million rows"),
    "threads": (print_threads, "one thread against all cores"),
    "paper": (print_paper, "recipes on devices that are not here, on paper"),
    "optimizers": (print_optimizers, "the table of optimizers"),
    "attention": (print_attention, "the table of attention modules"),
}
TABLES_OF_THEIR_OWN = {
    "start-parts",
    "steps",
    "short-attention",
    "growth",
    "threads",
    "paper",
    "optimizers",
    "attention",
}


if __name__ == "__main__":
    run_script(main)
