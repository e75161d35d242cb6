"""`tuneformer evaluate` in a checkout: python scripts/evaluate.py --help"""

from tuneformer.cli.evaluate import main
from tuneformer.command_line import run_script

if __name__ == "__main__":
    run_script(main)
