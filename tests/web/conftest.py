"""A site on loopback, and polite sessions that may ask it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

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
    return Fetching(
        contact="tests@example.org",
        delay=0,
        timeout=2,
        retries=2,
        max_megabytes=0.1,
        allow_hosts=["127.0.0.1", "localhost"],
    )


@pytest.fixture
def polite(fetching: Fetching, tmp_path: Path) -> Iterator[Callable[..., PoliteSession]]:
    """Make sessions that share one cache folder."""
    made: list[PoliteSession] = []

    def make(**changes: Any) -> PoliteSession:
        session = PoliteSession(
            fetching.model_copy(update=changes), tmp_path / "cache", backoff=0.05
        )
        made.append(session)
        return session

    yield make
    for session in made:
        session.close()
