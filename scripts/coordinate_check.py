"""`tuneformer coordinate-check` in a checkout: python scripts/coordinate_check.py --help"""

from tuneformer.cli.coordinate_check import main
from tuneformer.command_line import run_script

if __name__ == "__main__":
    run_script(main)
