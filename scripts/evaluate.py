"""Score a checkpoint: python scripts/evaluate.py runs/stance --data corpus --split dev."""

import sys

from stance.cli import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
