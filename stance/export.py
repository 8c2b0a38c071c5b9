"""Model names -> networks converted for OpenVINO, ahead of their first use.

Comes in: released names, checkpoint folders, taggers' folders. Goes out: where each lies in the cache, from which `load` takes
it. Machines that share the cache folder (`STANCE_CACHE`) need convert nothing.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from stance.backends import converted_before, resolve
from stance.modeling import META_FILE, find_checkpoint, load, load_tagger
from stance.quotes.extract import RELEASED_TAGGER
from stance.records import DEFAULT_MODEL


def export(models: Sequence[str | Path] = ()) -> list[tuple[str, Path]]:
    """Convert models for OpenVINO.

    Args:
        models: Released names, checkpoint folders of stance models or of taggers, hub repositories; none means the released model and
            the released tagger.

    Returns:
        The name of each and its folder in the cache.

    Raises:
        ModelNotFoundError: There is no such model.
        MissingExtraError: OpenVINO is not installed.
        BrokenCheckpointError: The network has something that OpenVINO cannot compute.
    """
    backend = resolve("openvino")
    tagger = [RELEASED_TAGGER] if (RELEASED_TAGGER / "config.json").exists() else []
    found = []
    for name in models or (DEFAULT_MODEL, *tagger):
        folder = find_checkpoint(name)
        (load_tagger if _is_tagger(folder) else load)(folder, backend)
        found.append((str(name), converted_before(folder)))
    return found


def _is_tagger(folder: Path) -> bool:
    try:
        return "windows" in json.loads((folder / META_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
