"""Check the corpus and print its counts, agreement and give-away figures: python scripts/check_corpus.py."""

import sys

from stance.checking import check_corpus

if __name__ == "__main__":
    checked = check_corpus()
    print(checked.to_markdown(), end="")
    sys.exit(1 if checked.problems else 0)
