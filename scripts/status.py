"""`tuneformer status` in a checkout: python scripts/status.py --help"""

from tuneformer.cli.command_line import run_script
from tuneformer.cli.status import main

if __name__ == "__main__":
    run_script(main)
