"""A store that a group shares: who can continue others' work, and who cannot."""

import itertools
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from accounts import ANN, BOB, EVE, GROUP, as_user, group_folder
from papertune.collect.web.pages import Page, PageCache
from papertune.collect.web.pauses import HostPauses
from papertune.identity import fingerprint
from papertune.models.modelfolder import place
from papertune.owned import NotOwned, make_folder, part_of, share, umask
from papertune.report.prune import prune
from papertune.store import Store

URL = "https://site.example/"


@pytest.fixture
def store() -> Iterator[Path]:
    with group_folder() as folder:
        yield folder


def make(made: Path, steps: Path) -> None:
    made.mkdir(parents=True)
    Path(made, "model.safetensors").write_bytes(
        (2).to_bytes(8, "little") + b"{}" + str(os.getuid()).encode()
    )


def finish(folder: Path, key: str, trust: bool = True) -> None:
    """What a job does in the store: finished items, a page in its place, a turn taken, a model."""
    results = folder.parent / f"results-{os.getuid()}"
    folder = part_of(folder, trust=trust)
    share([folder], trust=trust)
    store = Store(folder, "answer", {"model": "m"})
    store.add({key: "an answer"})
    cache = PageCache(folder / "http")
    cache.read(URL)
    cache.write(URL, Page(URL, URL, "text/html", key))
    HostPauses(folder / "http" / "turns").asked("site.example")
    place(folder, "models", {"seed": 1}, results / "seed-1", make)
    (results / "seen").write_text(json.dumps({
        "missing": store.missing(["first", "second"]),
        "model": (results / "seed-1/model.safetensors").read_bytes()[10:].decode(),
    }))  # fmt: skip


def seen(folder: Path, user: int) -> dict[str, object]:
    return dict(json.loads((folder.parent / f"results-{user}" / "seen").read_text()))


@pytest.fixture
def open_place(store: Path) -> Path:
    store.parent.chmod(0o777)
    return store


def work_of(user: int, work: Callable[[], object]) -> None:
    assert as_user(user, [GROUP], work)


def test_members_of_a_trusted_group_work_in_one_store(open_place):
    store = open_place
    work_of(ANN, partial(finish, store, "first"))
    work_of(BOB, partial(finish, store, "second"))
    assert seen(store, BOB) == {"missing": [], "model": str(ANN)}

    def page() -> None:
        share([store], trust=True)
        assert PageCache(store / "http").read(URL) == Page(URL, URL, "text/html", "second")

    work_of(ANN, page)
    for path in store.rglob("*"):
        state = path.stat()
        assert state.st_gid == GROUP and not state.st_mode & stat.S_IRWXO, path
        assert state.st_mode & stat.S_IWGRP, path
    assert not as_user(EVE, [], partial(finish, store, "third"))


def test_who_does_not_trust_a_group_works_where_it_cannot_even_look(open_place):
    store = open_place
    work_of(ANN, partial(finish, store, "first", False))
    work_of(BOB, partial(finish, store, "second", False))
    assert seen(store, BOB) == {"missing": ["first"], "model": str(BOB)}
    mine = store / f"member-{ANN}"
    assert {path.name for path in store.iterdir()} == {mine.name, f"member-{BOB}"}

    def touch() -> None:
        for try_it in (lambda: list(mine.iterdir()), lambda: Path(mine, "x").symlink_to("/")):
            with pytest.raises(PermissionError):
                try_it()
        mine.rename(mine.with_name("away"))  # which is seen
        mine.symlink_to("away")

    def refused() -> None:
        with pytest.raises(NotOwned, match=mine.name):
            finish(store, "first", False)

    work_of(BOB, touch)
    work_of(ANN, refused)
    mine.unlink()
    work_of(BOB, mine.mkdir)
    work_of(ANN, refused)


@pytest.mark.parametrize(
    ("owner", "mode", "shared"),
    [
        (ANN, 0o755, False),
        (ANN, 0o775, False),  # where everybody has a group of their own
        (0, 0o755, False),
        (ANN, 0o2775, True),
        (ANN, 0o1777, True),
        (BOB, 0o775, True),
    ],
)
def test_a_user_has_a_part_of_what_others_may_write_into(store, owner, mode, shared):
    os.chown(store, owner, GROUP)
    store.chmod(mode)

    def work() -> None:
        assert part_of(store, trust=True) == store
        mine = part_of(store, trust=False)
        assert mine == (store / f"member-{ANN}" if shared else store)
        assert part_of(mine, trust=False) == mine

    assert as_user(ANN, [GROUP], work)
    # one that is not there is judged as it will be made, so that the next run finds it

    def new() -> None:
        folder = store / "new"
        found = part_of(folder, trust=False)
        folder.mkdir()
        assert part_of(folder, trust=False) == found

    for mask in (0o002, 0o022, 0o077):
        (store / "new").rmdir() if (store / "new").exists() else None
        assert as_user(ANN, [GROUP], new, umask=mask) or mode == 0o755


def test_a_link_of_a_member_leads_nobody_out_of_the_store(open_place):
    store, private = open_place, open_place.parent / "private"

    def mine() -> None:
        private.mkdir()
        Store(private, "fetch", {"of": "another store"}).add({"a": 1})

    def plant() -> None:
        share([store], trust=True)
        for name in ("answer", "http", "models", "checkpoints"):
            (store / name).symlink_to(private)
        (store / "fetch").symlink_to(private / "fetch")

    def work() -> None:
        share([store], trust=True)
        cache = PageCache(store / "http")
        for do in (
            lambda: Store(store, "answer", {}),
            lambda: cache.write(URL, Page(URL, URL, "text/html", "")),
            lambda: HostPauses(store / "http" / "turns").asked("site.example"),
            lambda: place(store, "models", {}, private / "output", make),
        ):
            with pytest.raises(NotOwned, match="is a link"):
                do()
        assert prune(store, [], lambda _: True) == []
        assert [path.name for path in private.iterdir()] == ["fetch"]
        assert Store(private, "fetch", {"of": "another store"}).get("a") == 1

    work_of(ANN, mine)
    work_of(BOB, plant)
    work_of(ANN, work)


def test_the_umask_is_read_while_other_threads_make_files(tmp_path):
    """Reading it by setting it opens what others make in that moment."""
    end, before = time.monotonic() + 1, os.umask(0o077)
    modes = set()

    def make_files(number: int) -> None:
        for count in itertools.count():
            if time.monotonic() > end:
                return
            os.close(os.open(path := tmp_path / f"{number}-{count}", os.O_CREAT, 0o666))
            modes.add(path.stat().st_mode & 0o777)

    try:
        with ThreadPoolExecutor(2) as threads:
            for _ in threads.map(make_files, range(2)):
                pass
            assert umask() == 0o077
    finally:
        os.umask(before)
    assert modes == {0o600}


def test_training_goes_on_from_a_members_checkpoints(open_place):
    store, output = open_place, open_place.parent / "study" / "seed-1"
    kept = store / "checkpoints" / fingerprint([{"seed": 1}, str(output)]) / "steps"

    def plant() -> None:
        share([store], trust=True)
        make_folder(kept)
        (kept / "state").write_text("of the same training")

    def look(made: Path, steps: Path) -> None:
        make_folder(steps)
        assert (steps / "state").exists()
        assert steps.parent.stat().st_mode & 0o777 == 0o770
        make(made, steps)

    def train() -> None:
        share([store], trust=True)
        place(store, "models", {"seed": 1}, output, look)

    work_of(BOB, plant)
    work_of(ANN, train)


def test_modes_change_in_the_shared_folder_only(open_place):
    """What a job writes elsewhere is as the user's umask says."""
    elsewhere = open_place.parent / "elsewhere"

    def work() -> None:
        finish(open_place, "first")
        elsewhere.mkdir()
        (elsewhere / "temporary").write_text("mine")

    assert as_user(ANN, [GROUP], work)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (elsewhere, elsewhere / "temporary")] == [
        0o700,
        0o600,
    ]
    open_place.chmod(0o0770)  # nobody has made it the group's

    def alone() -> None:
        share([open_place], trust=True)
        Store(open_place, "embed", {}).add({"a": 1})

    assert as_user(ANN, [GROUP], alone)
    assert not any(path.stat().st_mode & 0o077 for path in (open_place / "embed").rglob("*"))
