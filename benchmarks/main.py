"""Prints the ratios of docs/performance.md, each from runs in turn on this machine: make bench"""

import os
from collections.abc import Callable

from benchmarks import rows, tables
from tuneformer.cli.command_line import CommandParser
from tuneformer.config.ranges import AT_LEAST_ONE


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_number("--repeats", AT_LEAST_ONE, default=3, what="measurements of each figure (default: 3)")
    for name, (_, what) in SECTIONS.items():
        parser.add_argument(f"--only-{name}", action="append_const", dest="only", const=name, help=what)
    given = parser.parse_args()
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler tells of each time that it starts
    chosen = given.only or list(SECTIONS)
    if any(SECTIONS[name][0].__module__ == rows.__name__ for name in chosen):
        print("| what | here | yardstick | ratio | target |\n|---|---|---|---|---|")
    for name in chosen:
        print_section, _ = SECTIONS[name]
        print_section(given.repeats)


SECTIONS: dict[str, tuple[Callable[[int], None], str]] = {
    "start": (rows.print_start, "from the start of the process to the first step"),
    "answers": (rows.print_answers, "what comes before torch is imported"),
    "loops": (rows.print_loops, "a step against a plain loop"),
    "memory": (rows.print_memory, "peak memory"),
    "comparison": (rows.print_comparison, "a comparison of a thousand runs"),
    "page": (rows.print_attention_page, "the page of attention"),
    "diagnostics": (rows.print_diagnostics, "what it costs to watch a run"),
    "sweeps": (rows.print_sweeps, "sweeps"),
    "start-parts": (tables.print_start_parts, "what the start, and a job of a sweep, are spent on"),
    "steps": (tables.print_steps, "what a step is spent on, and trainer=auto"),
    "short-attention": (tables.print_short_attention, "attention of short texts in bfloat16"),
    "growth": (tables.print_growth, "cost against width, depth, context, batch and runs in a sweep"),
    "large-folders": (rows.print_large_folders, "the status of 2,000 jobs, a run of a million rows"),
    "threads": (tables.print_threads, "one thread against all cores"),
    "paper": (tables.print_paper, "recipes on devices that are not here, on paper"),
    "optimizers": (tables.print_optimizers, "the table of optimizers"),
    "attention": (tables.print_attention, "the table of attention modules"),
}
