"""`tuneformer find-lr` in a checkout: python scripts/find_lr.py --help"""

from tuneformer.cli.find_lr import main
from tuneformer.command_line import run_script

if __name__ == "__main__":
    run_script(main)
