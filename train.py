"""`tuneformer train` in a checkout: `python train.py --help` shows what can be set."""

from tuneformer.cli.command_line import run_script
from tuneformer.cli.train import main

if __name__ == "__main__":
    run_script(main)
