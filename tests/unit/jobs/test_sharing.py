"""A store that a group shares: every member goes on with what the others have finished."""

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from papertune.collect.web.pauses import HostPauses
from papertune.jobs.job import work_for_group
from papertune.records import atomic_write
from papertune.store import Store

GROUP, ANN, BOB, EVE = 20_000, 20_001, 20_002, 20_003


def as_user(user: int, groups: list[int], work: Callable[[], object]) -> bool:
    """Whether a process of a user, with a careful umask, gets through some work."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups(groups)
            os.setgid(user)
            os.setuid(user)
            os.umask(0o077)
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


@pytest.fixture
def store() -> Iterator[Path]:
    if os.getuid():
        pytest.skip("only root can be several users")
    with tempfile.TemporaryDirectory() as place:  # pytest's own lets nobody else in
        Path(place).chmod(0o711)
        folder = Path(place, "store")
        folder.mkdir()
        os.chown(folder, ANN, GROUP)
        folder.chmod(0o2770)
        yield folder


def finish(folder: Path, key: str) -> None:
    """What a job does in the store: finished items, a whole file in its place, a turn taken."""
    work_for_group([folder])
    store = Store(folder, "answer", {"model": "m"})
    store.add({key: "an answer"})
    with atomic_write(folder / "http" / "page.json") as stream:
        stream.write(key)
    HostPauses(folder / "http" / "turns").asked("site.example")


def test_members_of_a_group_go_on_with_each_others_work(store):
    assert as_user(ANN, [GROUP], lambda: finish(store, "first"))
    assert as_user(BOB, [GROUP], lambda: finish(store, "second"))
    kept = Store(store, "answer", {"model": "m"})
    assert kept.missing(["first", "second"]) == []
    assert (store / "http/page.json").read_text() == "second"
    for path in store.rglob("*"):
        assert path.stat().st_gid == GROUP and not path.stat().st_mode & stat.S_IRWXO, path
    assert not as_user(EVE, [], lambda: finish(store, "third"))


def test_what_is_not_shared_stays_as_the_user_wants_it(store):
    store.chmod(0o0770)
    assert as_user(ANN, [GROUP], lambda: finish(store, "first"))
    assert not as_user(BOB, [GROUP], lambda: finish(store, "second"))
