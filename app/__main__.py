"""`python -m app`: the same as `duet serve`."""

import sys

from app.commands.cli import main

if __name__ == "__main__":
    main(["serve", *sys.argv[1:]])
