"""`tuneformer dashboard` in a checkout: python scripts/dashboard.py --help"""

from tuneformer.cli.dashboard import main
from tuneformer.command_line import run_script

if __name__ == "__main__":
    run_script(main)
