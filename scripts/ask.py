"""`tuneformer ask` in a checkout: python scripts/ask.py --help"""

from tuneformer.cli.ask import main
from tuneformer.cli.command_line import run_script

if __name__ == "__main__":
    run_script(main)
