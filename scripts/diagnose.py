"""`tuneformer diagnose` in a checkout: python scripts/diagnose.py --help"""

from tuneformer.cli.command_line import run_script
from tuneformer.cli.diagnose import main

if __name__ == "__main__":
    run_script(main)
