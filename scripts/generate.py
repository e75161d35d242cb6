"""`tuneformer generate` in a checkout: python scripts/generate.py --help"""

from tuneformer.cli.generate import main
from tuneformer.command_line import run_script

if __name__ == "__main__":
    run_script(main)
