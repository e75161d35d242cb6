"""`tuneformer generate` in a checkout: python scripts/generate.py --help"""

from tuneformer.cli.command_line import run_script
from tuneformer.cli.generate import main

if __name__ == "__main__":
    run_script(main)
