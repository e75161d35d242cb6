"""Tables of their own beside that of the ratios (make bench)."""

import contextlib
import io
from collections.abc import Iterable
from pathlib import Path

from benchmarks.rows import TRAIN

GROWTH_PLOT = Path("outputs/bench/growth.png")
RECIPES = (
    "experiment=nanogpt_cpu",
    "experiment=speedrun",
    "experiment=speedrun model.n_layers=12 model.n_heads=12 model.d_model=768 data.context_length=1024"
    " data.batch_size=512",
)


def print_start_parts(repeats: int) -> None:
    """Tables of their own: what the seconds to the first step, and of a job of a sweep, are spent on."""
    from benchmarks.job_parts import measure_job_parts
    from benchmarks.start_parts import measure_start_parts

    for what, parts in (
        ("to the first step", measure_start_parts(TRAIN, repeats=repeats)),
        ("a job of a sweep", measure_job_parts(n_jobs=4 * repeats)),
    ):
        print(f"\n| {what} | seconds |\n|---|---|")
        for part, seconds in parts.items():
            print(f"| {part} | {seconds:.2f} |", flush=True)


def print_steps(repeats: int) -> None:
    """Tables of their own: what a step is spent on at three widths, and what trainer=auto makes of two."""
    from benchmarks.fastest_setting import measure_fastest
    from benchmarks.step_shares import PARTS, SIZES, measure_step_shares

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
    from benchmarks.short_attention import measure_short_attention

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

    from benchmarks.optimizer_step import measure_optimizer_steps
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
    from benchmarks.attention_cost import LENGTHS, MIB, measure_attention_costs
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
    from benchmarks.growth import AXES, draw, fitted_line, measure_growth, measure_sweep_growth

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


def print_threads(repeats: int) -> None:
    """A table of its own: a step with one thread and with all cores, the other cores idle and busy."""
    from benchmarks.threads_cost import SIZES, measure_threads

    print("\n| size | one thread | all cores | times as fast | with the other cores busy |")
    print("|---|---|---|---|---|")
    for size in SIZES:
        idle, busy = (measure_threads(size, turns=2 * repeats + 1, busy=each) for each in (False, True))
        one, many = (1e3 * min(each) for each in (idle.one, idle.all_cores))
        print(f"| {size} | {one:.1f} ms | {many:.1f} ms | {idle.gain:.2f} | {busy.gain:.2f} |", flush=True)


def print_paper(repeats: int) -> None:
    """A table of its own, on paper: recipes on one H100 and on 64."""
    from benchmarks.projection import H100, count_step, step_seconds

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
