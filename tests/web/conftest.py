"""A site on loopback, and rate-limited sessions that may request it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from browsing import browser  # noqa: F401
from chatting import server, study  # noqa: F401

from loopback import Loopback, serving
from papertune.collect.web.session import PoliteSession
from papertune.study.settings import Fetching


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # rows are kept below the folder that snakemake runs in


@pytest.fixture
def site() -> Iterator[Loopback]:
    with serving() as told:
        yield told


@pytest.fixture
def fetching() -> Fetching:
    values = {"contact": "tests@example.org", "allow_hosts": ["127.0.0.1", "localhost"]}
    return Fetching(**values, delay=0, timeout=2, retries=2, max_megabytes=0.1)


@pytest.fixture
def polite(fetching: Fetching, tmp_path: Path) -> Iterator[Callable[..., PoliteSession]]:
    """Make sessions that share one cache folder."""

    def make(**changes: Any) -> PoliteSession:
        asked = fetching.model_copy(update=changes)
        return stack.enter_context(PoliteSession(asked, tmp_path / "cache", backoff=0.05))

    with ExitStack() as stack:
        yield make
