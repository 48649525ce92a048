"""Names that another account has taken first: nobody waits for them and no file is written through."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from accounts import ANN, BOB, GROUP, NOBODY, as_user, everybodys, group_folder
from papertune.cluster import leftovers
from papertune.collect.bundle import pack, unpack
from papertune.collect.web.pages import PageCache
from papertune.collect.web.pauses import HostPauses, one_of
from papertune.files import file_digest, read_json
from papertune.identity import fingerprint
from papertune.jobs import running
from papertune.jobs.progress import job_log
from papertune.jobs.record import read_records_below
from papertune.owned import NotOwned, private_folder, share
from papertune.report.prune import prune
from papertune.store import Store
from papertune.training.checkpoints import newest_whole

URL = "https://site.example/"
STORE = Path("stage", fingerprint({}))


@pytest.fixture
def folder() -> Iterator[Path]:
    with group_folder() as folder:
        yield folder


def planted(folder: Path, name: str, plant: Callable[[Path], object]) -> None:
    """Bob, a member of the group, puts something there before Ann does."""

    def work() -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        for above in (folder / name).relative_to(folder).parents:
            (folder / above).chmod(0o2770) if above.name else None
        plant(folder / name)

    assert as_user(BOB, [GROUP], work, umask=0o007)


READERS = {
    "items": (f"{STORE}/x.jsonl", lambda folder: Store(folder, "stage", {}).missing("a")),
    "page": (
        str(PageCache("").path(URL)),
        lambda folder: PageCache(folder).read(URL),
    ),
    "runs": (f"{running.RUNS}/x-1.json", running.runs),
    "jobs": ("mine/jobs/train/x-1.json", lambda folder: read_records_below([folder])),
    "submitted": (f"{leftovers.RUNS}/x.json", leftovers.left),
    "kept": ("fetch/abc/identity.json", lambda folder: prune(folder, [], lambda _: False)),
    "checkpoint": ("checkpoint-1/whole", newest_whole),
}


@pytest.mark.parametrize("kind", ["fifo", "deep", "wrong"])
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_of_ours_is_passed_over_by_who_reads(folder, reader, kind):
    name, read = READERS[reader]
    texts = {"deep": "[" * 100_000, "wrong": '{"pid": "x", "files": 5, "identity": 7}'}
    plant = {"fifo": os.mkfifo}.get(kind, lambda path: path.write_text(texts[kind]))
    planted(folder, name, plant)

    def work() -> None:
        share([folder], trust=kind != "fifo")
        read(folder)

    assert as_user(ANN, [GROUP], work)


def _log(path: Path) -> None:
    with job_log(path):
        pass


WRITERS = {
    "turn": ("6ba0d5ee12b25a2a", lambda path: HostPauses(path.parent).asked("site.example")),
    "place": ("browser-1", lambda path: one_of(path.parent, "browser", 1).__enter__()),
    "log": ("train.log", _log),
}


@pytest.mark.parametrize("kind", ["link", "fifo"])
@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_planted_at_a_name_is_not_written_through(folder, capfd, writer, kind):
    name, write = WRITERS[writer]
    if writer == "turn":
        name = HostPauses("")._path("site.example").name
    precious = folder.parent / "precious"
    precious.write_text("mine")
    os.chown(precious, ANN, ANN)
    plant = os.mkfifo if kind == "fifo" else lambda path: path.symlink_to(precious)
    planted(folder, name, plant)

    def work() -> None:
        share([folder], trust=False)
        with pytest.raises(
            NotOwned, match=f"it is {'not a regular file' if kind == 'fifo' else 'a l'}"
        ):
            write(folder / name)

    assert as_user(ANN, [GROUP], work), capfd.readouterr().out
    assert precious.read_text() == "mine"


def test_a_link_at_the_temporary_name_of_a_bundles_file_is_not_followed(folder, monkeypatch):
    place = folder.parent / "here"
    page = place / "store/http/ab/page.json"
    page.parent.mkdir(parents=True)
    page.write_text("{}")
    os.symlink("/etc/hostname", page.with_name("link.json"))
    monkeypatch.chdir(place)
    assert pack([], "store", "bundle.tar") == 1, "the link is not packed"
    precious = folder.parent / "precious"
    precious.write_text("mine")
    os.chown(precious, ANN, ANN)
    for name in (".page.json.unpacked", ".page.json.partial"):
        planted(folder, f"http/ab/{name}", lambda path: path.symlink_to(precious))
    bundle = folder.parent / "bundle.tar"
    bundle.write_bytes(Path("bundle.tar").read_bytes())
    bundle.chmod(0o644)

    def work() -> None:
        share([folder], trust=False)
        os.chdir(folder)
        assert unpack(bundle, folder, folder) == 1

    assert as_user(ANN, [GROUP], work)
    assert precious.read_text() == "mine"
    assert (folder / "http/ab/page.json").read_text() == "{}"


def test_a_private_folder_is_this_users_alone():
    with everybodys() as place:
        assert private_folder(place / "mine").stat().st_mode & 0o777 == 0o700
        assert private_folder(place / "mine") == place / "mine"
        made: dict[str, Callable[[], object]] = {
            "belongs to user": lambda: (place / "theirs").mkdir(),
            "is not a folder": lambda: (place / "file").symlink_to(place / "mine"),
        }
        for (said, make), name in zip(made.items(), ("theirs", "file"), strict=True):
            assert as_user(NOBODY, [], make)
            with pytest.raises(NotOwned, match=said):
                private_folder(place / name)
        (place / "mine").chmod(0o770)
        with pytest.raises(NotOwned, match="can be written by others"):
            private_folder(place / "mine")


def test_what_is_read_of_others_is_a_file(tmp_path):
    (tmp_path / "value.json").write_text(json.dumps({"a": 1}))
    assert read_json(tmp_path / "value.json") == {"a": 1}
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "value.json")
    for name in ("fifo", "link"):
        with pytest.raises(NotOwned):
            read_json(tmp_path / name)
    # whoever names a file may name a link to it: the Hub's cache has them
    assert file_digest(tmp_path / "link") == file_digest(tmp_path / "value.json")
    with pytest.raises(NotOwned):
        file_digest(tmp_path / "fifo")
