"""Files whose content does not match their name: each is read, or refused with a clear message."""

import bz2
import gzip
import lzma

import pytest
from pydantic import TypeAdapter

from papertune.collect.steps import list_documents
from papertune.errors import CollectError
from papertune.study.settings import Fetching, Source

HTML = "\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Log in</body></html>"
XHTML = '<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0">\n<html></html>'
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 99\n"
OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
BIB = "% saved by a program\n@article{Gull2020,\n  title = {On gulls}, year = 2020, doi = {10.1000/gull}}\n"
JSON = '[{"title": "On gulls", "doi": "10.1000/gull", "year": 2020, "abstract": ""}]'
RIS = "TY  - JOUR\nTI  - On gulls\nPY  - 2020\nER  - \n"
CSV = "title,doi,year,abstract\nOn gulls,10.1000/gull,2020,\n"
POSTS = (
    '<?xml version="1.0" encoding="utf-8"?>\n<posts>\n'
    '<row Id="1" PostTypeId="1" AcceptedAnswerId="2" CreationDate="2020-01-02T00:00:00" Score="9"'
    ' Title="Why?" Body="&lt;p&gt;Why do gulls cry at night, all of them?&lt;/p&gt;" Tags="|a|"/>\n'
    '<row Id="2" PostTypeId="2" ParentId="1" CreationDate="2020-01-02T00:00:00" Score="9"'
    ' Body="&lt;p&gt;They tell each other where the fish is.&lt;/p&gt;"/>\n</posts>'
)
MORE = {
    "bibtex": {},
    "pairs": {"columns": {"question": "q", "answer": "a"}},
    "dblp_snapshot": {"keys": ["conf/isca/"]},
    "stack_dump": {"site": "stats"},
}


@pytest.fixture
def listed(written, tmp_path):
    """How many documents a source of a kind lists from a file of some content."""

    def listed(kind, name, content, part=2020, **how):
        path = written(content, name) if content is not None else name
        where = {"paths": [path]} if kind == "bibtex" else {"path": path}
        source = TypeAdapter(Source).validate_python(
            {"kind": kind, **where, **MORE.get(kind, {}), **how}
        )
        out, rejected, cache = (str(tmp_path / one) for one in ("out", "rejected", "cache"))
        list_documents(source, Fetching(), part, output=out, rejected=rejected, cache=cache)
        return len((tmp_path / "out").read_text().splitlines())

    return listed


@pytest.mark.parametrize(
    ("kind", "name", "content", "named"),
    [
        ("files", "p.csv", HTML, "web page"),
        ("files", "p.jsonl", XHTML, "web page"),
        ("files", "p.parquet", HTML, "web page"),
        ("files", "p.xlsx", HTML, "web page"),
        ("files", "p.csv", "<table><tr><td>title</td></tr></table>", "web page"),
        ("bibtex", "p.bib", HTML, "web page"),
        ("stack_dump", "Posts.xml", HTML, "web page"),
        ("dblp_snapshot", "dblp.xml.gz", HTML, "web page"),
        ("acl_xml", "p.xml", HTML, "web page"),
        ("files", "p.csv", LFS, "git lfs pull"),
        ("dblp_snapshot", "dblp.xml", LFS, "git lfs pull"),
        ("files", "p.csv", b"PK\x03\x04" + bytes(99), ".xlsx"),
        ("files", "p.csv", OLD, ".xlsx"),
        ("files", "p.csv", b"PAR1" + bytes(99), ".parquet"),
        ("pairs", "p.csv", "%PDF-1.5\n%\n", "kind: pdfs"),
        ("files", "zotero.csv", b"SQLite format 3\x00", "export"),
        ("files", "p.csv", JSON, ".json"),
        ("files", "p.csv", BIB, "kind: bibtex"),
        ("files", "p.json", BIB, "kind: bibtex"),
        ("bibtex", "p.bib", RIS, "export BibTeX"),
        ("files", "p.txt", RIS, "export BibTeX"),
        ("bibtex", "p.bib", JSON, "kind: files"),
        ("files", "p.csv", POSTS, "stack_dump"),
        ("stack_dump", "Posts.7z", b"7z\xbc\xaf\x27\x1c" + bytes(99), "unpack"),
        ("stack_dump", "Posts.xml", "", "empty"),
        ("files", "p.json", " \n", "empty"),
        ("files", "p.csv", "", "empty"),
        ("bibtex", "p.bib", "\n", "nothing of 2020"),
        ("acl_xml", "p.xml", gzip.compress(b"<collection/>", mtime=0), "unpack"),
        ("stack_dump", "Posts.xml.gz", gzip.compress(POSTS.encode(), mtime=0)[:-20], "cut off"),
        ("files", "p.csv.gz", gzip.compress(CSV.encode(), mtime=0)[:-12], "cut off"),
    ],
)
def test_what_a_file_is_in_place_of_what_it_should_be_is_told(listed, kind, name, content, named):
    with pytest.raises(CollectError) as told:
        listed(kind, name, content)
    assert named in str(told.value)
    assert name in told.value.where and told.value.hint


@pytest.mark.parametrize(
    ("kind", "name", "content"),
    [
        ("files", "p.csv", gzip.compress(CSV.encode(), mtime=0)),
        ("files", "p.csv.gz", CSV),
        ("files", "p.jsonl", JSON),
        ("bibtex", "p.bib", BIB),
        ("stack_dump", "Posts.xml", POSTS),
        ("stack_dump", "Posts.xml", gzip.compress(POSTS.encode(), mtime=0)),
        ("stack_dump", "Posts.xml", bz2.compress(POSTS.encode())),
        ("stack_dump", "Posts", lzma.compress(POSTS.encode())),
        ("stack_dump", "Posts.xml.gz", POSTS),
    ],
)
def test_how_a_file_is_packed_its_bytes_tell(listed, kind, name, content):
    assert listed(kind, name, content) == 1


@pytest.mark.parametrize(
    "kind", ["files", "pairs", "bibtex", "stack_dump", "dblp_snapshot", "acl_xml"]
)
def test_a_folder_in_a_files_place_names_what_is_in_it(listed, tmp_path, kind):
    (tmp_path / "mine").mkdir()
    for name in ("papers.csv", "posts.xml", ".hidden.csv", "notes.doc"):
        (tmp_path / "mine" / name).touch()
    with pytest.raises(CollectError) as told:
        listed(kind, "mine", None)
    assert "papers.csv, posts.xml" in told.value.hint
    assert "hidden" not in str(told.value) and "doc" not in str(told.value)


def test_a_listing_that_nothing_is_asked_of_names_what_asks(listed):
    with pytest.raises(CollectError) as told:
        listed("stack_dump", "Posts.xml", POSTS, tags=["gulls"], min_score=99)
    assert "source.min_score" in told.value.hint and "source.tags" in told.value.hint
    columns = {"question": "q", "answer": "a", "year": "y"}
    for part in (2020, "train"):
        with pytest.raises(CollectError) as told:
            listed(
                "pairs", "p.csv", "q,a,y,z\nA?,B,2020,c\n", part, columns=columns, where={"z": "d"}
            )
        assert "source.where" in told.value.hint and "rejected, or" not in told.value.hint


def test_a_folder_of_pdfs_is_of_another_kind(listed, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.pdf").touch()
    with pytest.raises(CollectError) as told:
        listed("files", "mine", None)
    assert "kind: pdfs" in told.value.hint


@pytest.mark.parametrize("kind", ["stack_dump", "acl_xml", "dblp_snapshot"])
def test_a_file_that_is_not_there_is_told_with_what_lies_near(listed, tmp_path, kind):
    (tmp_path / "Posts.xml").touch()
    with pytest.raises(CollectError) as told:
        listed(kind, "Post.xml", None)
    assert "Posts.xml" in told.value.what
    assert str(tmp_path) in told.value.hint


def test_a_listing_without_a_document_names_the_first_rejected_and_no_browser(listed, tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "a.pdf").write_text("<html>")
    with pytest.raises(CollectError) as told:
        listed("pdfs", "papers", None, part="train")
    assert "pdf_damaged" in told.value.what and "a.pdf" in told.value.what
    assert "browser" not in told.value.hint
