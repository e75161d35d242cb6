"""`tuneformer coordinate-check` in a checkout: python scripts/coordinate_check.py --help"""

from tuneformer.cli.command_line import run_script
from tuneformer.cli.coordinate_check import main

if __name__ == "__main__":
    run_script(main)
