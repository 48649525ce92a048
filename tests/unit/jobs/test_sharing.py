"""A store that a group shares: who goes on with what others have finished, and who need not."""

import json
import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from accounts import ANN, BOB, EVE, GROUP, as_user, group_folder
from papertune.collect.web.pages import Page, PageCache
from papertune.collect.web.pauses import HostPauses
from papertune.identity import fingerprint
from papertune.models.modelfolder import place
from papertune.owned import check_shared, make_folder, share
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
    share([folder], trust=trust)
    store = Store(folder, "answer", {"model": "m"})
    store.add({key: "an answer"})
    cache = PageCache(folder / "http")
    cache.read(URL)
    cache.write(URL, Page(URL, URL, "text/html", key))
    HostPauses(folder / "http" / "turns").asked("site.example")
    results = folder.parent / f"results-{os.getuid()}"
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


@pytest.mark.parametrize("trust", [True, False])
def test_what_other_members_made_is_taken_only_if_the_user_says_so(open_place, trust):
    store = open_place
    assert as_user(ANN, [GROUP], partial(finish, store, "first", trust))
    assert as_user(BOB, [GROUP], partial(finish, store, "second", trust))
    assert seen(store, BOB) == {
        "missing": [] if trust else ["first"],
        "model": str(ANN if trust else BOB),
    }

    def page() -> None:
        share([store], trust=trust)
        found = PageCache(store / "http").read(URL)
        assert found == (Page(URL, URL, "text/html", "second") if trust else None)

    assert as_user(ANN, [GROUP], page)
    for path in store.rglob("*"):
        state = path.stat()
        assert state.st_gid == GROUP and not state.st_mode & stat.S_IRWXO, path
        if path.is_file() and "turns" not in path.parts:
            assert bool(state.st_mode & stat.S_IWGRP) == trust, path
    assert not as_user(EVE, [], partial(finish, store, "third", trust))


@pytest.mark.parametrize("trust", [True, False])
def test_training_goes_on_from_anothers_checkpoints_only_if_the_user_says_so(open_place, trust):
    store, output = open_place, open_place.parent / "study" / "seed-1"
    kept = store / "checkpoints" / fingerprint([{"seed": 1}, str(output)]) / "steps"

    def plant() -> None:
        share([store], trust=True)
        make_folder(kept)
        (kept / "state").write_text("of another training")

    def look(made: Path, steps: Path) -> None:
        make_folder(steps)
        assert (steps / "state").exists() == trust
        assert steps.parent.stat().st_mode & 0o777 == (0o770 if trust else 0o700)
        make(made, steps)

    def train() -> None:
        share([store], trust=trust)
        place(store, "models", {"seed": 1}, output, look)

    assert as_user(BOB, [GROUP], plant)
    assert as_user(ANN, [GROUP], train)
    assert kept.exists() != trust, "who is not trusted keeps what is theirs"


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


def test_a_job_takes_no_base_of_another_account(open_place, capfd):
    base = open_place / "models" / "owner--small"
    base.mkdir(parents=True)
    (base / "model.safetensors").write_text("weights")
    os.chown(base / "model.safetensors", ANN, GROUP)

    def work(trust: bool) -> None:
        share([open_place], trust=trust)
        check_shared([base, "elsewhere"])

    assert as_user(BOB, [GROUP], partial(work, True))
    assert not as_user(BOB, [GROUP], partial(work, False))
    assert "trust_group" in capfd.readouterr().out
