"""`tuneformer preview` in a checkout: python scripts/preview.py --help"""

from tuneformer.cli.command_line import run_script
from tuneformer.cli.preview import main

if __name__ == "__main__":
    run_script(main)
