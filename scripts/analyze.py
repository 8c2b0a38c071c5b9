"""Read articles: python scripts/analyze.py article.txt --format json."""

import sys

from stance.cli import main

if __name__ == "__main__":
    sys.exit(main(["analyze", *sys.argv[1:]]))
