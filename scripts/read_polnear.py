"""PolNeAR (brat stand-off) -> the JSON Lines that `stance train configs/quotes.yaml` reads, an article a line.

PolNeAR v1.0.0 (Newell, Margolin and Ruths 2018, LREC) lies at https://github.com/networkdynamics/PolNeAR; it states no licence.

    python scripts/read_polnear.py PolNeAR/data/train runs/polnear/train.jsonl
    python scripts/read_polnear.py PolNeAR/data/dev runs/polnear/dev.jsonl
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

from stance.reporting import write_whole

ROLES = {"Content": "content", "Cue": "cue", "Source": "source"}


def main() -> None:
    """Convert one split."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="a split, with the folders text/ and attributions/")
    parser.add_argument("out", type=Path, help="the JSON Lines file to write")
    options = parser.parse_args()
    annotations = defaultdict(list)
    for path in sorted((options.folder / "attributions").glob("*.ann")):
        annotations[path.stem.rpartition("_")[0]].append(path)
    lines = []
    for path in sorted((options.folder / "text").glob("*.txt")):
        text = path.read_bytes().decode("utf-8")
        # Several annotated a few articles: the one who marked most is taken.
        readings = [attributions(annotation) for annotation in annotations[path.stem]]
        if readings:
            lines.append(json.dumps({"id": path.stem, "text": text, "attributions": max(readings, key=len)}, ensure_ascii=False))
    if not lines:
        sys.exit(f"{options.folder}: holds no annotated article. Pass a split of PolNeAR, with the folders text/ and attributions/.")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(options.out, "\n".join(lines) + "\n")
    print(f"{options.out}: {len(lines)} articles")


def attributions(path: Path) -> list[dict[str, list[list[int]]]]:
    """Read one file of annotations: for each attribution the (start, end) stretches of its roles."""
    spans, events = {}, []
    for line in path.read_text(encoding="utf-8").split("\n"):  # not splitlines: a text may hold other line ends
        name, _, rest = line.partition("\t")
        if name.startswith("T") and rest:
            places = rest.split("\t")[0].split(" ", 1)[1]
            spans[name] = [[int(n) for n in place.split()] for place in places.split(";")]
        elif name.startswith("E"):
            events.append([part.split(":") for part in rest.split()])
    found = []
    for event in events:
        roles: dict[str, list[list[int]]] = {role: [] for role in ROLES.values()}
        for label, target in event:
            role = ROLES.get(label.rstrip("0123456789"))
            if role and target in spans:
                roles[role] += spans[target]
        found.append({role: sorted(places) for role, places in roles.items()})
    return found


if __name__ == "__main__":
    main()
