"""`tuneformer find-lr` in a checkout: python scripts/find_lr.py --help"""

from tuneformer.cli.command_line import run_script
from tuneformer.cli.find_lr import main

if __name__ == "__main__":
    run_script(main)
