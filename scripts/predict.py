"""Label statements: python scripts/predict.py --file statements.csv --format csv."""

import sys

from stance.cli import main

if __name__ == "__main__":
    sys.exit(main(["predict", *sys.argv[1:]]))
