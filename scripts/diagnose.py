"""`tuneformer diagnose` in a checkout: python scripts/diagnose.py --help"""

from tuneformer.cli.diagnose import main
from tuneformer.command_line import run_script

if __name__ == "__main__":
    run_script(main)
