"""Fine-tune a model: python scripts/train.py configs/train.yaml training.seed=3."""

import sys

from stance.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
