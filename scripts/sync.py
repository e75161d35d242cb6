"""`tuneformer sync` in a checkout: python scripts/sync.py --help"""

from tuneformer.cli.command_line import run_script
from tuneformer.cli.sync import main

if __name__ == "__main__":
    run_script(main)
