"""How tests are dealt to processes."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One file stays in one process, and so do all that need the one Slurm of this machine.

    What files make for all of their tests would else be made in every process.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return "slurm" if path.startswith("tests/slurm/") else path

    return Files(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest first, so that no process ends long before the others."""
    order = ["slurm", "end_to_end"]

    def place(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return order.index(folder) if folder in order else len(order)

    items.sort(key=place)
