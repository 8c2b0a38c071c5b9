"""Fine-tune a model: python scripts/train.py configs/train.yaml training.seed=3."""

import sys
from pathlib import Path

# Or the script evaluate.py would hide the package of that name.
sys.path = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]

from stance.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
