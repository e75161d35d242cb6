"""`tuneformer evaluate` in a checkout: python scripts/evaluate.py --help"""

from tuneformer.cli.command_line import run_script
from tuneformer.cli.evaluate import main

if __name__ == "__main__":
    run_script(main)
