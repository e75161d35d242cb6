"""`tuneformer compare` in a checkout: python scripts/compare.py --help"""

from tuneformer.cli.compare import main
from tuneformer.command_line import run_script

if __name__ == "__main__":
    run_script(main)
