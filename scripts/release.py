"""Make the released model again: python scripts/release.py configs/release.yaml [--rows TITLE=FILE]."""

import argparse
import sys
from pathlib import Path

# Or the script evaluate.py would hide the package of that name.
sys.path = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]

from stance.errors import StanceError
from stance.release import release

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("--rows", action="append", default=[], metavar="TITLE=FILE", help="labelled rows to measure on as well")
    options = parser.parse_args()
    try:
        print(release(options.config, extra=tuple(tuple(pair.split("=", 1)) for pair in options.rows)))
    except StanceError as error:
        sys.exit(f"{type(error).__name__}: {error}")
