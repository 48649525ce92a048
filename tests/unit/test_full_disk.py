"""A full disk: a clear error, and nothing that was made before is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from papertune.records import Document, read_records, write_records
from papertune.store import Store
from snakemake_run import ROOT

BIG = "x" * 300_000


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def document(text: str) -> Document:
    return Document("1" * 16, "Title", "https://x.example/1", 2020, text)


def test_a_result_stays_as_it_was(small_disk):
    path = small_disk / "d.jsonl"
    write_records(path, [document("short")])
    with pytest.raises(OSError, match="No space left"):
        write_records(path, [document(BIG)])
    assert [item.text for item in read_records(path, Document)] == ["short"]
    assert os.listdir(small_disk) == ["d.jsonl"]


def test_the_store_keeps_what_it_has_and_goes_on_when_there_is_room(small_disk):
    store = Store(small_disk, "answer", {})
    store.add({"a": 1})
    with pytest.raises(OSError, match="No space left"):
        store.add({"b": BIG})
    assert "b" not in store
    again = Store(small_disk, "answer", {})
    assert (again.get("a"), again.missing(["a", "b"])) == (1, ["b"])
    for torn in again.folder.glob("*.jsonl"):
        if torn.stat().st_size > 1000:
            torn.unlink()  # the person made room
    again.add({"b": 2})
    assert Store(small_disk, "answer", {}).get("b") == 2


def test_a_job_says_that_the_disk_is_full(small_disk, tmp_path):
    code = (
        "import sys\nfrom papertune.progress import job_log\n"
        "from papertune.records import Document, write_records\n"
        "with job_log(sys.argv[1]):\n"
        f"    write_records(sys.argv[2], [Document('1', 't', 'u', 2020, 'x' * {len(BIG)})])\n"
    )
    target = small_disk / "d.jsonl"
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "job.log"), str(target)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(ROOT, "workflow/scripts"))},
        check=False,
    )
    assert run.returncode == 1
    assert "No space left on device" in run.stderr
    assert "Traceback" not in run.stderr
    assert not target.exists()
