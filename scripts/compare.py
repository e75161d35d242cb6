"""`tuneformer compare` in a checkout: python scripts/compare.py --help"""

from tuneformer.cli.command_line import run_script
from tuneformer.cli.compare import main

if __name__ == "__main__":
    run_script(main)
