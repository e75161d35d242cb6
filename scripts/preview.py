"""`tuneformer preview` in a checkout: python scripts/preview.py --help"""

from tuneformer.cli.preview import main
from tuneformer.command_line import run_script

if __name__ == "__main__":
    run_script(main)
