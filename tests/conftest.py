"""How tests are dealt to processes."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One file stays in one process, and so do all that need the one Slurm of this machine."""
    for item in items:
        folder, name = Path(item.path).parent.name, item.path.name
        group = "slurm" if folder == "slurm" else f"{folder}/{name}"
        item.add_marker(pytest.mark.xdist_group(group))
