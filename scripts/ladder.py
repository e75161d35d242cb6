"""`tuneformer ladder` in a checkout: python scripts/ladder.py --help"""

from tuneformer.cli.command_line import run_script
from tuneformer.cli.ladder import main

if __name__ == "__main__":
    run_script(main)
