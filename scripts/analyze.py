"""`tuneformer analyze` in a checkout: python scripts/analyze.py --help"""

from tuneformer.cli.analyze import main
from tuneformer.cli.command_line import run_script

if __name__ == "__main__":
    run_script(main)
