"""`tuneformer sync` in a checkout: python scripts/sync.py --help"""

from tuneformer.cli.sync import main
from tuneformer.command_line import run_script

if __name__ == "__main__":
    run_script(main)
