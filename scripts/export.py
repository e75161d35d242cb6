"""`tuneformer export` in a checkout: python scripts/export.py --help"""

from tuneformer.cli.command_line import run_script
from tuneformer.cli.export import main

if __name__ == "__main__":
    run_script(main)
