"""`tuneformer predict` in a checkout: python scripts/predict.py --help"""

from tuneformer.cli.command_line import run_script
from tuneformer.cli.predict import main

if __name__ == "__main__":
    run_script(main)
