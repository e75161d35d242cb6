"""`tuneformer train` in a checkout: `python train.py --help` shows what can be set."""

from tuneformer.cli.train import main
from tuneformer.command_line import run_script

if __name__ == "__main__":
    run_script(main)
