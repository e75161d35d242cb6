"""`tuneformer dashboard` in a checkout: python scripts/dashboard.py --help"""

from tuneformer.cli.command_line import run_script
from tuneformer.cli.dashboard import main

if __name__ == "__main__":
    run_script(main)
