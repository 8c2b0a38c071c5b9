"""Where a figure comes from: versions, commit, machine. Nothing comes in; a flat dict goes out, for reports.

The commit is that of the checkout the package runs from, with a plus sign where it has uncommitted changes.
"""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("torch", "transformers", "datasets", "scikit-learn", "numpy")


def describe_environment() -> dict[str, str]:
    """Return package versions, Python, commit and machine, as strings."""
    found = {"negotiation-stance": _version("negotiation-stance"), "python": platform.python_version()}
    found.update({name: _version(name) for name in _PACKAGES})
    commit = _commit()
    if commit:
        found["commit"] = commit
    found["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return ""
    try:
        head = subprocess.run(["git", "-C", str(root), "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, timeout=10, check=True)
        dirty = subprocess.run(
            ["git", "-C", str(root), "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")
