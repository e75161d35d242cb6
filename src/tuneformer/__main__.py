"""python -m tuneformer: the command `tuneformer`."""

from tuneformer.cli.main import main

if __name__ == "__main__":
    main()
