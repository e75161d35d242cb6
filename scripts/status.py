"""`tuneformer status` in a checkout: python scripts/status.py --help"""

from tuneformer.cli.status import main
from tuneformer.command_line import run_script

if __name__ == "__main__":
    run_script(main)
