"""Bundles: their content, and what is not unpacked from them."""

import io
import json
import os
import tarfile

import pytest

from papertune.collect.bundle import MANIFEST, pack, unpack
from papertune.errors import CollectError


@pytest.fixture
def collected(tmp_path, monkeypatch):
    """A working directory with a result, a page, an outcome, and what is of this machine alone."""
    place = tmp_path / "here"
    for name, text in {
        "results/x/documents/2020.jsonl": "{}\n",
        "store/http/ab/page.json": '{"url": "…"}',
        "store/fetch/1f/writer.jsonl": "{}\n",
        "store/http/turns/abc": "",
        "store/http/ab/.page.json.x1": "",
        "store/http/ab/notes.txt": "",
        "store/render/1f/task.sh": "",
        "store/answer/2c/writer.jsonl": "{}\n",
    }.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (1_700_000_000, 1_700_000_000))
    monkeypatch.chdir(place)
    return place


def test_a_bundle_has_what_was_collected_and_nothing_else(collected, tmp_path):
    assert pack(["results/x/documents/2020.jsonl"], "store", "one.tar") == 3
    pack(["results/x/documents/2020.jsonl"], "store", "two.tar")
    assert (collected / "one.tar").read_bytes() == (collected / "two.tar").read_bytes()
    there = tmp_path / "there"
    there.mkdir()
    assert unpack("one.tar", there, "elsewhere") == 3
    assert sorted(str(p.relative_to(there)) for p in there.rglob("*") if p.is_file()) == [
        "elsewhere/fetch/1f/writer.jsonl",
        "elsewhere/http/ab/page.json",
        "results/x/documents/2020.jsonl",
    ]
    result = there / "results/x/documents/2020.jsonl"
    assert result.stat().st_mtime == 1_700_000_000  # what is made from it stays newer
    assert unpack("one.tar", there, "elsewhere") == 0, "again changes nothing"
    result.write_text("mine\n")
    with pytest.raises(CollectError, match="exists already and differs"):
        unpack("one.tar", there, "elsewhere")
    assert result.read_text() == "mine\n"


def made(path, members, sums=None, mode="w", **attributes):
    """A tar with a manifest by hand; attributes are those of its other members."""
    with tarfile.open(path, mode, format=tarfile.PAX_FORMAT) as tar:
        told = {name: ["0" * 64, len(text)] for name, text in members.items()}
        manifest = json.dumps({"format": 2, "files": told if sums is None else sums})
        for name, text in {MANIFEST: manifest, **members}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            for key, value in attributes.items() if name != MANIFEST else ():
                setattr(member, key, value)
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


PAGE = "store/http/ab/page.json"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../outside", "at a path that no bundle has"),
        ("/etc/outside", "at a path that no bundle has"),
        ("workflow/scripts/train.py", "at a path that no bundle has"),
        ("results/x/models/full/seed-1/model.safetensors", "at a path that no bundle has"),
        ("results/x/documents/../../y.jsonl", "at a path that no bundle has"),
        ("store/answer/2c/writer.jsonl", "at a path that no bundle has"),
        ("store/models/2c/identity.json", "at a path that no bundle has"),
        ("store/http/turns/abc.json", "at a path that no bundle has"),
        (PAGE, "SHA-256 differs from the manifest"),
    ],
)
def test_no_file_is_written_that_is_not_as_it_should_be(tmp_path, name, said):
    refused(made(tmp_path / "bad.tar", {name: "text"}), tmp_path, said)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"sums": {PAGE: ["0" * 64, 3]}}, "has 4 bytes, its manifest says 3"),
        ({"sums": {PAGE: ["0" * 64, 2**60]}}, "MB are free"),
        ({"sums": {PAGE: ["0" * 64, -1]}}, "not a bundle of this version"),
        ({"sums": {PAGE: "0" * 64}}, "not a bundle of this version"),
        ({"sums": {PAGE: ["0" * 64, 10**30]}}, "not a bundle of this version"),
        ({"mode": "w:gz"}, "cannot be unpacked"),  # which could grow without end
        ({"pax_headers": {"GNU.sparse.map": "0,1", "GNU.sparse.size": "4"}}, "does not name"),
        ({"type": tarfile.SYMTYPE, "linkname": "/etc/hostname"}, "does not name"),
        ({"type": tarfile.LNKTYPE, "linkname": "/etc/hostname"}, "does not name"),
        ({"type": tarfile.CHRTYPE}, "does not name"),
        ({"type": tarfile.FIFOTYPE}, "does not name"),
    ],
)
def test_a_bundle_gives_no_more_than_its_manifest_says(tmp_path, how, said):
    refused(made(tmp_path / "bad.tar", {PAGE: "text"}, **how), tmp_path, said)


def refused(bundle, tmp_path, said):
    """Nothing of the bundle is unpacked, and that is why."""
    place = tmp_path / "place"
    place.mkdir()
    with pytest.raises(CollectError, match=said):
        unpack(bundle, place)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path != bundle]


def test_what_is_no_bundle_or_only_a_part_of_one_is_named(collected, tmp_path):
    pack(["results/x/documents/2020.jsonl"], "store", "whole.tar")
    data = (collected / "whole.tar").read_bytes()
    for name, content in {"cut.tar": data[:3000], "empty.tar": b"", "text.tar": b"hello"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CollectError) as caught:
            unpack(tmp_path / name, tmp_path / "there")
        assert name in caught.value.where and caught.value.hint
    with pytest.raises(CollectError, match="no such file") as caught:
        unpack("bundles/nowhere.tar", tmp_path / "there")
    assert "BUNDLE=" in caught.value.hint
    unnamed = made(tmp_path / "more.tar", {PAGE: "text"}, sums={})
    with pytest.raises(CollectError, match="manifest does not name"):
        unpack(unnamed, tmp_path / "there")
