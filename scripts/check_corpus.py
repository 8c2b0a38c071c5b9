"""Check the corpus and print its counts, agreement and give-away figures: python scripts/check_corpus.py."""

import sys
from pathlib import Path

# Or the script evaluate.py would hide the package of that name.
sys.path = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]

from stance.checking import check_corpus

if __name__ == "__main__":
    checked = check_corpus()
    print(checked.to_markdown(), end="")
    sys.exit(1 if checked.problems else 0)
