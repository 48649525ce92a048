"""Text of strangers is parsed in a child process: a crash costs one document, once."""

import os
import signal
import subprocess
import sys
import textwrap
import time
import zlib
from pathlib import Path

import psutil
import pytest

from papertune.collect.listings import arxiv
from papertune.collect.listings.pdf_folder import list_documents
from papertune.collect.lookups import Outcome, resolve, resolvers, work
from papertune.collect.texts.abstracts import best_abstract
from papertune.collect.web.pages import Page
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import PageError
from papertune.generators.checking import judge
from papertune.generators.reading import pairs_in
from papertune.jobs import apart, stopping
from papertune.jobs.apart import Readers, Unread
from papertune.records import Document, Rejection
from papertune.store import Store
from papertune.study.settings import Fetching, TransformersGenerator
from papertune.study.settings.listings import PdfsSource
from processes import busy

TEXT = (
    "We show that small models read well, and that more of it is so than was thought before. " * 3
)
GOOD = f"<html><body><h2>Abstract</h2><p>{TEXT}</p></body></html>"
# what comes after a heading is looked at part by part
PART = "<p><b>x</b> <i>y</i><a href='/z'>z</a></p>"
ENDLESS = GOOD + PART * 60_000  # a minute and more
FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def pdf(*more: bytes, resources: bytes = b"") -> bytes:
    """A PDF of one page; its content is object 4, its font object 5."""
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<<"
    page += b"/Font<</F 5 0 R>>%s>>>>" % resources
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        page,
        *more,
    ]
    written = (b"%d 0 obj\n%s\nendobj\n" % item for item in enumerate(objects, start=1))
    return b"%PDF-1.5\n" + b"".join(written) + b"trailer\n<</Root 1 0 R>>\n%%EOF\n"


def stream(data: bytes, head: bytes = b"", packed: int = 0) -> bytes:
    for _ in range(packed):
        data = zlib.compress(data, 9)
    filters = b"/Filter[%s]" % (b"/FlateDecode " * packed) if packed else b""
    return b"<<%s%s/Length %d>>\nstream\n%s\nendstream" % (head, filters, len(data), data)


def doubling(levels: int) -> bytes:
    """A form that is drawn twice by one that is drawn twice …"""
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</Font<</F 5 0 R>>/XObject<</X %d 0 R>>>>"
    forms = [stream(b"/X Do " * 2, form % (7 + level)) for level in range(levels)]
    leaf = stream(b"BT /F 9 Tf (abcdefgh) Tj ET", form % 5)
    return pdf(stream(b"/X Do"), FONT, *forms, leaf, resources=b"/XObject<</X 6 0 R>>")


LETTERS = b"BT /F 9 Tf %s ET"
# all fit a floppy disk of 1970 and take the job's memory, or its hours
HOSTILE = {
    "forms": (doubling(24), {}, "parse_memory"),
    "bomb": (pdf(stream(b" " * 900_000_000, packed=2), FONT), {}, "parse_memory"),
    "letters": (
        pdf(stream(LETTERS % (b"(a)Tj " * 50_000_000), packed=2), FONT),
        {},
        "parse_memory",
    ),
    "array": (
        pdf(stream(LETTERS % b"[%s]TJ" % (b"(a)" * 9_000_000), packed=2), FONT),
        {},
        "parse_memory",
    ),
    "slow": (doubling(24), {"max_seconds": 0.5}, "parse_time"),
}


def children() -> list[psutil.Process]:
    found = psutil.Process().children()
    return [one for one in found if apart.__name__ in " ".join(one.cmdline())]


@pytest.fixture
def session(tmp_path):
    with PoliteSession(Fetching(contact="a@b.example"), tmp_path / "cache") as opened:
        yield opened
    assert children() == []


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pdf_is_a_rejection_and_the_others_are_kept(tmp_path, session, name):
    content, settings, reason = HOSTILE[name]
    assert len(content) < 8192
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "b.pdf").write_bytes(content)
    for other, said in (("a.pdf", b"Words of it."), ("c.pdf", b"More of them.")):
        (folder / other).write_bytes(pdf(stream(LETTERS % (b"(%s )Tj " % said * 30)), FONT))
    source = PdfsSource(kind="pdfs", path=str(folder), **settings)

    def listed() -> Rejection:
        first, rejected, last = list_documents(session, source, 0)
        assert isinstance(first, Document) and isinstance(last, Document)
        assert isinstance(rejected, Rejection) and rejected.reason == reason
        return rejected

    rejected = listed()
    assert "is not tried again; to retry, delete " in rejected.detail
    [kept] = (tmp_path / "cache" / "unread").iterdir()
    assert str(kept) in rejected.detail
    before = kept.stat().st_mtime_ns
    assert listed() == rejected
    assert kept.stat().st_mtime_ns == before, "it was read again by itself"
    kept.unlink()
    assert listed() == rejected and kept.stat().st_mtime_ns > before


def test_a_page_that_takes_for_ever_is_an_outcome_and_the_others_are_kept(tmp_path, session):
    session.readers = Readers(tmp_path / "unread", seconds=3.0, check=session.check)
    documents = []
    for name, html in (("good", GOOD), ("endless", ENDLESS), ("other", GOOD)):
        url = f"https://x.example/{name}"
        session.cache.write(url, Page(url, url, "text/html", html))
        documents.append(Document(name, name, url, 2020))
    [found], times = [Outcome(TEXT.strip(), "section")], set()
    for _ in range(2):
        kept = Store(tmp_path / "store", "fetch", {})
        chain = resolvers(["landing"], session, session.fetching)
        outcomes = work(documents, chain, kept, "documents", threads=1)
        assert [one.text for one in outcomes] == [found.text, "", found.text]
        assert outcomes[1].reason == "parse_time"
        assert "endless" not in kept  # its folder is unread/, and a file of it can be deleted
        times |= {path.stat().st_mtime_ns for path in (tmp_path / "unread").iterdir()}
    assert len(times) == 1, "it was read again"
    assert resolve(documents[1], chain).reason == "parse_time"
    session.readers.close()


def test_a_child_that_dies_is_replaced_and_what_it_died_of_is_tried_twice(tmp_path):
    looks = signals = 0

    def shoot() -> None:  # is called before a reading, and again and again while a child reads
        nonlocal looks
        looks += 1
        for child in children() if 1 < looks <= 1 + signals else ():
            child.send_signal(signal.SIGSEGV)
            while child.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.01)

    with Readers(tmp_path / "unread", seconds=60, check=shoot) as readers:
        assert readers.read(best_abstract, GOOD, "https://x.example/1")["text"] == TEXT.strip()
        looks, signals = 0, 1
        found = readers.read(best_abstract, GOOD + PART * 10_000, "https://x.example/1", of="it")
        assert found["text"] == TEXT.strip() and looks > 1
        looks, signals = 0, 2
        with pytest.raises(Unread, match="SIGSEGV") as error:
            readers.read(best_abstract, ENDLESS, "https://x.example/1", of="it")
        assert error.value.reason == "parse_died" and "delete" in error.value.hint
        assert looks == 3
        assert readers.read(best_abstract, GOOD, "https://x.example/1")["text"] == TEXT.strip()
    assert children() == []


def test_what_raises_an_error_is_not_read_again(tmp_path):
    with Readers(tmp_path) as readers:
        for said in ("TypeError", "so it was said"):
            with pytest.raises(Unread, match=said) as error:
                readers.read(pairs_in, 5, cut=False, of="it")
            assert error.value.reason == "parse_failed" and "not tried again" in error.value.hint
            [kept] = tmp_path.iterdir()
            kept.write_text("parse_failed: so it was said\n")


def test_an_answer_that_takes_for_ever_is_not_read_again_and_another_is(tmp_path, session):
    session.readers = Readers(tmp_path / "unread", seconds=0.0, check=session.check)
    feed = '<feed xmlns="http://www.w3.org/2005/Atom">' + "<entry><id>1</id></entry>" * 300_000
    url, unread = "https://x.example/1", tmp_path / "unread"
    for text, kept in ((feed + "</feed>", 1), (feed + "</feed>", 1), (feed + " </feed>", 2)):
        session.cache.write(url, Page(url, url, "application/atom+xml", text))
        with pytest.raises(PageError, match="parsing was stopped"):
            arxiv.SERVICE.ask_json(session, url)
        assert len([*unread.iterdir()]) == kept
    session.readers.close()


def test_the_end_of_a_job_is_the_end_of_what_it_reads(tmp_path):
    """Asked to stop it ends at once, and killed it leaves nobody behind."""
    script = tmp_path / "job.py"
    script.write_text(
        textwrap.dedent(
            """
            from papertune.collect.texts.abstracts import best_abstract
            from papertune.jobs import stopping
            from papertune.jobs.apart import Readers
            stopping.install()
            with Readers() as readers:
                readers.read(best_abstract, "<p>x", "https://x.example")
                print("begun", flush=True)
                html = "<h2>Abstract</h2>" + "<p><b>x</b> <i>y</i><a href='/z'>z</a></p>" * 60_000
                readers.read(best_abstract, html, "https://x.example")
            """
        )
    )
    path = os.pathsep.join([str(Path(apart.__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    for number in (signal.SIGTERM, signal.SIGKILL):
        job = subprocess.Popen(
            [sys.executable, str(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path, "A_KEY": "secret"},
        )
        assert job.stdout is not None and job.stderr is not None
        assert job.stdout.readline() == b"begun\n"
        time.sleep(0.5)
        [child] = psutil.Process(job.pid).children()
        assert "A_KEY" not in child.environ()
        start = time.monotonic()
        job.send_signal(number)
        job.wait(60)
        gone, _ = psutil.wait_procs([child], timeout=60)
        assert gone and time.monotonic() - start < 4 * busy()  # mostly of Python ending
        assert (b"Interrupted" in job.stderr.read()) == (number == signal.SIGTERM)


def test_a_signal_to_the_whole_group_of_processes_is_not_the_child_s(tmp_path):
    with Readers() as readers:
        readers.read(pairs_in, "", cut=False)
        [child] = children()
        for number in (signal.SIGTERM, signal.SIGINT):
            child.send_signal(number)
        said = readers.read(pairs_in, "Q1: How so?\nA1: Thus.", cut=False)
        assert said == [["How so?", "Thus.", {}]]
        assert children() == [child]
        stopping.check()


def test_a_reply_that_cannot_be_read_is_the_reason_of_its_document():
    generator = TransformersGenerator(backend="transformers", model="/m", prompt="p.txt")
    document = Document("1", "Title", "https://x.example", 2020, TEXT)

    def read(text: str, cut: bool) -> list[tuple[str, str]]:
        raise Unread("parse_time", "reading it took more than 30 s and was ended")

    found = judge(generator, {"text": "x", "cut": False}, document, read)
    assert found["kept"] == [] and found["why"].startswith("parse_time: reading it took more")
