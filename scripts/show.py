"""`tuneformer show` in a checkout: python scripts/show.py --help"""

from tuneformer.cli.command_line import run_script
from tuneformer.cli.show import main

if __name__ == "__main__":
    run_script(main)
