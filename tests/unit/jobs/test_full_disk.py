"""A full disk: a clear error, and nothing that was made before is lost."""

import os
from dataclasses import replace

import pytest

from papertune.jobs.causes import DiskFullError, in_words
from papertune.records import Document, read_records, write_records
from papertune.store import Store
from processes import python
from small_disk import fill, resize, small_disk

BIG = "x" * 300_000


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", "256k") as folder:
        yield folder


def test_a_result_stays_as_it_was(disk):
    path = disk / "d.jsonl"
    short = Document("1" * 16, "Title", "https://x.example/1", 2020, "short")
    write_records(path, [short])
    with pytest.raises(OSError, match="No space left"):
        write_records(path, [replace(short, text=BIG)])
    assert list(read_records(path, Document)) == [short]
    assert os.listdir(disk) == ["d.jsonl"]


def test_the_store_keeps_what_it_has_and_goes_on_when_there_is_room(disk):
    store = Store(disk, "answer", {})
    store.add({"a": 1})
    with pytest.raises(OSError, match="No space left"):
        store.add({"b": BIG})
    assert "b" not in store
    again = Store(disk, "answer", {})
    assert (again.get("a"), again.missing(["a", "b"])) == (1, ["b"])
    for torn in again.folder.glob("*.jsonl"):
        if torn.stat().st_size > 1000:
            torn.unlink()  # the person made room
    again.add({"b": 2})
    assert Store(disk, "answer", {}).get("b") == 2


@pytest.mark.parametrize("log_there", [False, True])
def test_a_job_says_that_the_disk_is_full(disk, tmp_path, log_there):
    code = (
        "import sys\nfrom papertune.jobs.progress import job_log\n"
        "from papertune.records import Document, write_records\n"
        "with job_log(sys.argv[1]):\n"
        f"    write_records(sys.argv[2], [Document('1', 't', 'u', 2020, 'x' * {len(BIG)})])\n"
    )
    target, log = disk / "d.jsonl", (disk if log_there else tmp_path) / "job.log"
    if log_there:
        fill(disk)
    job = python(code, log, target)
    said = job.communicate()[1]
    assert job.returncode == 1 and not target.exists()
    assert "is full (No space left on device)" in said and "What to do: free space" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("library", ["safetensors", "torch"])
def test_libraries_that_have_words_of_their_own_for_it_are_understood(disk, library):
    import torch
    from safetensors.torch import save_file

    save = {"safetensors": save_file, "torch": torch.save}[library]
    with pytest.raises(DiskFullError, match="is full"), in_words():
        save({"weight": torch.zeros(200_000)}, disk / "weights")


# a checkpoint takes 572 kB: there is room for one, but not for the next one's weights or optimizer
@pytest.mark.parametrize("size", ["700k", "900k"])
def test_training_whose_disk_was_full_goes_on_when_there_is_room(
    disk, tmp_path, monkeypatch, caplog, size
):
    from tiny_training import Runs, bytes_of

    runs = Runs(tmp_path)
    undisturbed = runs("undisturbed")
    monkeypatch.setattr(runs, "checkpoints", lambda name: disk / name)
    resize(disk, size)
    with pytest.raises(DiskFullError, match="is full"), in_words():
        runs("disturbed")
    resize(disk, "4m")
    with caplog.at_level("INFO"):
        disturbed = runs("disturbed")
    assert f"resuming from {disk}/disturbed/checkpoint-3" in caplog.text
    assert bytes_of(disturbed) == bytes_of(undisturbed)
