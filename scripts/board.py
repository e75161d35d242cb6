"""`tuneformer board` in a checkout: python scripts/board.py --help"""

from tuneformer.cli.board import main
from tuneformer.cli.command_line import run_script

if __name__ == "__main__":
    run_script(main)
