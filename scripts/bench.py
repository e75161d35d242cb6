"""The ratios of docs/performance.md, each from runs in turn on this machine: scripts/bench.py --help"""

import sys
from pathlib import Path

from tuneformer.cli.command_line import run_script

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    from benchmarks.main import main

    run_script(main)
