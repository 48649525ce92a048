"""Small snapshots of DBLP, read as the large ones are."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from papertune.collect.listings import by_year
from papertune.errors import CollectError
from papertune.study.settings.listings import DblpSnapshotSource

HEAD = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<!DOCTYPE dblp SYSTEM "dblp.dtd">\n<dblp>\n'


def record(
    key, title="A Title.", year=2020, tag="inproceedings", more="", ee="https://e.example/1"
):
    link = f"<ee>{ee}</ee>" if ee else ""
    return (
        f'<{tag} mdate="2021-01-01" key="{key}"><author>Ada L. 0001</author>'
        f"<title>{title}</title><year>{year}</year>{link}{more}</{tag}>"
    )


@pytest.fixture
def listed(written):
    def read(*records, keys=("conf/x/",), year=2020, head=HEAD, tail="</dblp>", zipped=False):
        body = (head + "".join(records) + tail).encode("latin-1")
        path = written(gzip.compress(body) if zipped else body, "dblp.xml")
        source = DblpSnapshotSource(kind="dblp_snapshot", path=path, keys=list(keys))
        return list(by_year.items(source, year))

    return read


@pytest.mark.parametrize("zipped", [False, True])
def test_papers_under_the_keys_and_of_the_year(listed, zipped):
    doi = "<ee type='oa'>https://doi.org/10.1145/A.1</ee><ee>https://www.wikidata.org/Q1</ee>"
    volume = "<crossref>conf/x/2020-2</crossref>"
    # entities are resolved without the DTD
    title = "M&uuml;ller &amp; S&oslash;n: <i>O</i>(2<sup>n</sup>) &lt; &eacute;t\xe9 <ref>R</ref>."
    items = listed(
        record("conf/x/A20", "A.", more=doi),
        record("conf/x/B19", "B.", 2019),
        record("conf/xy/C20", "C."),
        record("journals/x/D20", "D.", tag="article"),
        record("conf/y/E20", title, more=volume, ee="https://e.example/e"),
        record("conf/x/2020", tag="proceedings"),
        record("conf/x/W").replace(" mdate", ' publtype="withdrawn" mdate'),
        record("conf/x/N", ee=""),
        zipped=zipped,
    )
    assert [(item.title, item.url, item.doi) for item in items[:2]] == [
        ("A", "https://doi.org/10.1145/A.1", "10.1145/a.1"),
        ("Müller & Søn: O(2^n) < été R", "https://e.example/e", ""),
    ]
    assert [(item.key, item.reason) for item in items[2:]] == [
        ("conf/x/2020", "proceedings_volume"),
        ("conf/x/W", "withdrawn"),
        ("conf/x/N", "no_link"),
    ]


@pytest.mark.parametrize(
    ("how", "said", "hint"),
    [
        ({"keys": ["conf/none/"]}, "no record under conf/none/", "beginnings of DBLP's keys"),
        ({"year": 1950}, "nothing of 1950", "years 2020–2020"),
        ({"tail": "<inproceedings key='conf/x/cut'><title>"}, "not the XML", "download"),
        ({"head": "<posts>", "tail": "</posts>"}, "its root is <posts>", "dblp.org/xml"),
    ],
)
def test_a_snapshot_that_does_not_serve_is_an_error(listed, how, said, hint):
    with pytest.raises(CollectError, match=said) as caught:
        listed(record("conf/x/A"), **how)
    assert hint in caught.value.hint


def test_an_empty_file_a_cut_archive_and_none_at_all(listed, tmp_path):
    with pytest.raises(CollectError, match="no record of DBLP in this file"):
        listed()
    path = tmp_path / "cut.xml.gz"
    path.write_bytes(gzip.compress((HEAD + record("conf/x/A") * 500).encode())[:-20])
    for name, said in (
        (path, "cannot be read to its end"),
        (tmp_path / "none.xml", "no such file"),
    ):
        source = DblpSnapshotSource(kind="dblp_snapshot", path=str(name), keys=["conf/"])
        with pytest.raises(CollectError, match=said):
            list(by_year.items(source, 2020))
    assert not list(by_year.FOLDER.rglob("*.*"))  # half a snapshot is not kept


def test_entities_of_its_own_are_refused_and_no_file_is_read(listed, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    head = f'<!DOCTYPE dblp [<!ENTITY e0 "ha"><!ENTITY f SYSTEM "{secret.as_uri()}">'
    with pytest.raises(CollectError, match="entities of its own") as caught:
        listed(record("conf/x/A", "&e0; &f;"), head=f"{head}]><dblp>")
    assert "SECRET" not in str(caught.value)
    layers = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    for bomb in (record("conf/x/A", "&e11;"), record("&e11;")):
        with pytest.raises(CollectError, match="amplification"):
            listed(bomb, head=f"{head}{layers}]><dblp>")


# not getrusage, which tells the peak of the process that started this one too
PEAK = """
import sys
from pathlib import Path
from papertune.collect.listings.dblp_snapshot import read_records
import lxml.etree

def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])

before = peak()
count = sum(1 for _ in read_records(Path(sys.argv[1]), ("conf/x/",)))
print(count, peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak")
def test_memory_does_not_grow_with_the_snapshot(tmp_path):
    path = tmp_path / "dblp.xml.gz"
    padding = f"<note>{'x' * 500}</note>\n"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(HEAD.encode())
        for number in range(40_000):  # 30 MB
            stream.write(record(f"conf/x/{number}", more=padding).encode())
        stream.write(b"</dblp>")
    code, library = [sys.executable, "-c", PEAK, str(path)], Path(by_year.__file__).parents[3]
    done = subprocess.check_output(code, env={"PYTHONPATH": str(library)}, text=True)
    count, grown = map(int, done.split())
    assert count == 40_000
    assert grown < 10_000  # KiB


@pytest.mark.parametrize("bad", ["&#x1F;", "&#0;", "&#xD800;", "\x0b", "&#65535;"])
def test_what_cannot_stand_in_xml_costs_itself(listed, bad):
    first = record("conf/x/A20", f"Caches{bad} at R&D & work.")
    items = listed(first, record("conf/x/B20", "B.", ee="https://e.example/2"))
    assert [item.title for item in items] == ["Caches at R&D & work", "B"]
