"""The text of PDFs: order of columns, words, running heads, references, and what is refused."""

import os
import random
import re
import shutil
import textwrap
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from papertune.collect.listings.pdf_folder import list_documents
from papertune.collect.texts.pdf import PdfError, read_pdf
from papertune.collect.texts.pdf_front import abstract_of
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.records import Document, Rejection
from papertune.study.settings import Fetching
from papertune.study.settings.listings import PdfsSource
from pdfs import Text, block, centred, write

TITLE = "Small Models That Read Two Columns"
ABSTRACT = (
    "We ask whether a small model gains from reading papers as people read them. On three venues "
    "it does. The gain is eﬃcient and survives every change of the question writer."
)
WORDS = ("model", "data", "network", "system", "result", "method", "paper", "question", "answer")


def prose(tag: str, count: int) -> str:
    """Words of which every third is numbered, so that their order can be told."""
    choose = random.Random(tag)
    return " ".join(f"{tag}{i}" if i % 3 == 0 else choose.choice(WORDS) for i in range(count)) + "."


def write_pdf(
    path: Path,
    *,
    interleaved: bool = False,
    pages: int = 2,
    last: tuple[str, ...] = (),
    title: str = "",
) -> Path:
    """A paper of two columns, drawn column by column or line by line across both."""
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    with PdfPages(path, metadata={"Title": title}) as pdf:
        for page in range(pages):
            figure = Figure(figsize=(8.27, 11.69))
            figure.text(0.5, 0.97, "Proceedings of the Made-up Venue", ha="center", size=8)
            figure.text(0.5, 0.02, str(100 + page), ha="center", size=8)
            top, left = 0.93, [""]
            if page == 0:
                figure.text(0.5, 0.92, TITLE, ha="center", size=17)
                figure.text(0.5, 0.89, "Anna Author and Ben Writer", ha="center", size=11)
                top = 0.85
                left = ["Abstract", *textwrap.wrap(ABSTRACT, 44), "", "1 Introduction", ""]
            left += textwrap.wrap(prose(f"L{page}x", 160), 44)
            right = textwrap.wrap(prose(f"R{page}x", 160), 44)
            if page == pages - 1:
                right += ["", *last]
            drawn = [(0, *item) for item in enumerate(left)] + [(1, *i) for i in enumerate(right)]
            if interleaved:
                drawn.sort(key=lambda item: item[1])
            for column, row, line in drawn:
                figure.text(0.08 + 0.45 * column, top - row * 0.0165, line, size=9, family="serif")
            pdf.savefig(figure)
    return path


@pytest.mark.parametrize("interleaved", [False, True])
def test_two_columns_are_read_one_after_the_other(tmp_path, interleaved):
    paper = read_pdf(write_pdf(tmp_path / "a.pdf", interleaved=interleaved, pages=3))
    title, text = paper.title, paper.text
    found = re.findall(r"([LR])(\d)x(\d+)", text)
    places = [(int(page), "LR".index(side), int(number)) for side, page, number in found]
    assert len(places) == 3 * 2 * 54
    assert places == sorted(places)
    assert title == TITLE
    assert abstract_of(text) == ABSTRACT.replace("ﬃ", "ffi")
    # neither running heads nor page numbers
    assert "Made-up Venue" not in text
    assert not re.search(r"\b10[01]\b", text)
    assert "\n\n1 Introduction\n\n" in text


def test_words_broken_at_line_ends_are_whole_and_references_are_cut(tmp_path):
    last = ("Words may be bro-", "ken, a state-of-the-", "art one stays, as does the Moller-")
    last += ("Plesset method. A state-of-the-art one is known.", "", "References")
    last += ("[1] A. Writer. A cited work. 2019.",)
    text = read_pdf(write_pdf(tmp_path / "a.pdf", last=last)).text
    assert "Words may be broken, a state-of-the-art one stays" in text
    assert text.endswith("the Moller-Plesset method. A state-of-the-art one is known.")
    appendix = ("", "Appendix A", "More of it.")
    text = read_pdf(write_pdf(tmp_path / "b.pdf", last=(*last, *appendix))).text
    assert "cited work" not in text
    assert text.endswith("More of it.")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A Title\n\nAbstract\n\n", "\n\n1 Introduction\n\nIt begins."),
        ("A Title\n\nAbstract—", "\n\nIndex Terms—one, two\n\nI. INTRODUCTION"),
        ("A Title\n\nABSTRACT\n", "\n\nCCS CONCEPTS\n\n• Computing"),
        ("A Title\n\nA BSTRACT\n\n", "\n\nKeywords: one, two"),
        ("Summary. ", "\n\nAnother paragraph."),
    ],
)
def test_abstracts_of_papers_of_several_houses(before, after):
    assert abstract_of(f"{before}{ABSTRACT}{after}") == ABSTRACT.replace("ﬃ", "ffi")
    assert abstract_of("A Title\n\nAbstract interpretation is a theory.\n\n1 Introduction") == ""


def test_the_title_in_the_metadata_counts_if_the_first_page_has_it(tmp_path):
    author = "Anna Author and Ben Writer"
    for named, title in (("Microsoft Word - draft.docx", TITLE), (author, author)):
        assert read_pdf(write_pdf(tmp_path / "a.pdf", title=named)).title == title


def write_locked(path: Path) -> Path:
    """A PDF whose password nobody knows."""
    owner, user = b"41" * 32, b"42" * 32
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] >>",
        b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>" % (owner, user),
    ]
    body = b"%PDF-1.4\n" + b"".join(
        b"%d 0 obj\n%s\nendobj\n" % item for item in enumerate(objects, start=1)
    )
    path.write_bytes(body + b"trailer\n<< /Root 1 0 R /Encrypt 4 0 R /ID [<00> <00>] >>\n%%EOF\n")
    return path


def write_scan(path: Path) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 11))
    figure.figimage([[0.0, 1.0], [1.0, 0.0]])
    figure.text(0.5, 0.02, "Scanned by a library", ha="center")
    figure.savefig(path, format="pdf")
    return path


def refused(path: Path, content: bytes | None = None, **limits: float) -> str:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PdfError) as error:
        read_pdf(path, **limits)
    assert error.value.hint and str(path) in str(error.value)
    return error.value.reason


def test_what_is_refused_and_why(tmp_path):
    whole, other = write_pdf(tmp_path / "a.pdf"), tmp_path / "b.pdf"
    assert refused(write_locked(other)) == "pdf_encrypted"
    assert refused(write_scan(other)) == "pdf_scanned"
    for damaged in (whole.read_bytes()[:3000], b"<html>Not found</html>", b""):
        assert refused(other, damaged) == "pdf_damaged"
    for limits in ({"max_pages": 1}, {"max_megabytes": 0.001}, {"max_seconds": 0.0}):
        assert refused(whole, **limits) == "pdf_too_long"


def listed(path: str, year: int = 0, **settings: object) -> list[Document | Rejection]:
    source = PdfsSource.model_validate({"kind": "pdfs", "path": path, **settings})
    with TemporaryDirectory() as cache, PoliteSession(Fetching(), cache) as session:
        return list(list_documents(session, source, year))


def test_a_folder_of_pdfs(tmp_path):
    (tmp_path / "deep").mkdir()
    write_pdf(tmp_path / "deep" / "b.PDF")
    write_locked(tmp_path / "c.pdf")
    (tmp_path / "._a.pdf").write_bytes(b"left behind")
    (tmp_path / "notes.txt").write_text("no paper")
    document, rejection = sorted(listed(str(tmp_path)), key=lambda item: type(item).__name__)
    assert isinstance(document, Document) and isinstance(rejection, Rejection)
    assert (document.url, document.title, document.year) == ("deep/b.PDF", TITLE, 0)
    assert document.found_by == "listing" and "1 Introduction" in document.text
    assert (rejection.stage, rejection.key) == ("list", str(tmp_path / "c.pdf"))
    assert rejection.reason == "pdf_encrypted"
    assert document.category == "deep"
    # another text is the same document; a glob gives the same files; the folder may be moved
    write_pdf(tmp_path / "deep" / "b.PDF", last=("More.",))
    [changed] = listed(str(tmp_path / "**" / "*.PDF"))
    assert isinstance(changed, Document)
    assert changed.id == document.id and changed.text != document.text
    assert changed.category == "deep"
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    assert document.id in {getattr(item, "id", "") for item in listed(str(moved))}


def test_twins_are_one_document(tmp_path):
    said = [*centred(TITLE, 720, 18), *block(ABSTRACT.replace("ﬃ", "ffi") * 3, 60, 650, 490)]
    other = [*centred("Erratum: " + TITLE, 720, 18), *said[1:]]
    for name, doi, lines in (
        ("a.pdf", "10.1000/nowhere.1", said),
        ("c.pdf", "10.1000/nowhere.1", [*said, Text(60, 300, 10, "roman", "A corrected version.")]),
        ("d.pdf", "10.1000/nowhere.1", other),
        ("e.pdf", "10.1000/nowhere.2", said),
        ("f.pdf", "", said),
    ):
        write(
            tmp_path / name, [[*lines, Text(60, 40, 8, "roman", doi and f"https://doi.org/{doi}")]]
        )
    shutil.copy(tmp_path / "a.pdf", tmp_path / "a (1).pdf")
    items = listed(str(tmp_path))
    rejected = {Path(item.key).name: item for item in items if isinstance(item, Rejection)}
    assert sorted(rejected) == ["a (1).pdf", "c.pdf"]
    for item in rejected.values():
        assert item.reason == "duplicate" and str(tmp_path / "a.pdf") in item.detail


def test_letters_that_only_keep_a_reader_busy(tmp_path):
    """Forms that draw forms: a small file with a million letters, all at one place."""
    do = "/F Do " * 10
    for depth, reason in ((4, "pdf_scanned"), (5, "pdf_too_long")):
        objects = [
            "<</Type/Catalog/Pages 2 0 R>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R"
            "/Resources<</XObject<</F 6 0 R>>>>>>",
            f"<</Length {len(do)}>>stream\n{do}\nendstream",
            "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        ]
        for level in range(depth):
            said = do if level < depth - 1 else "BT /T 8 Tf 20 20 Td (once upon) Tj ET"
            objects.append(
                "<</Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources<</Font<</T 5 0 R>>"
                f"/XObject<</F {7 + level} 0 R>>>>/Length {len(said)}>>stream\n{said}\nendstream"
            )
        body = "".join(f"{number} 0 obj\n{one}\nendobj\n" for number, one in enumerate(objects, 1))
        path = tmp_path / f"{depth}.pdf"
        path.write_text(f"%PDF-1.7\n{body}trailer<</Root 1 0 R>>\n%%EOF\n")
        assert refused(path) == reason


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "0 bytes"),
        (b"\0" * 500, "500 bytes"),
        (b"<!DOCTYPE html><html>Log in", "web page"),
        (b"PK\x03\x04word/document.xml", "office"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS"),
        (b"%!PS-Adobe-3.0\n", "PostScript"),
        (b"Not Found", "does not begin like one"),
        (b"%PDF-1.7\n1 0 obj\n<</Type/Catalog", "cut off"),
    ],
)
def test_what_is_no_pdf_is_told(tmp_path, content, said):
    (tmp_path / "a.pdf").write_bytes(content)
    with pytest.raises(PdfError, match=said) as error:
        read_pdf(tmp_path / "a.pdf")
    assert error.value.reason == "pdf_damaged"


def test_a_name_that_is_not_utf_8_costs_its_file(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9t\xe9.pdf")).write_bytes(b"%PDF")
    [rejection] = listed(str(tmp_path))
    assert rejection.reason == "unreadable" and "rename it" in rejection.detail


def test_a_link_to_a_file_that_is_not_there_is_told(tmp_path):
    (tmp_path / "a.pdf").symlink_to(tmp_path / "annex" / "key")
    [rejection] = listed(str(tmp_path))
    assert (rejection.key, rejection.reason) == (str(tmp_path / "a.pdf"), "unreadable")
    assert "No such file" in rejection.detail


def test_folders_by_year(tmp_path):
    for year in (2020, 2021):
        (tmp_path / str(year)).mkdir()
        write_pdf(tmp_path / str(year) / "a.pdf", pages=1)
    template = str(tmp_path / "{year}")
    [first], [second] = listed(template, 2020), listed(template, 2021)
    assert isinstance(first, Document) and isinstance(second, Document)
    assert (first.year, second.year) == (2020, 2021)
    assert first.id != second.id
    [single] = listed(str(tmp_path / "{year}" / "a.pdf"), 2020, part="abstract")
    assert isinstance(single, Document) and single.text == ABSTRACT.replace("ﬃ", "ffi")
    for path, year, why in (
        (str(tmp_path / "nowhere"), 0, "no such folder"),
        (str(tmp_path / "*.pdf"), 0, "no PDF"),
    ):
        with pytest.raises(CollectError, match=why):
            listed(path, year)


FIXTURES = os.environ.get("PAPERTUNE_FIXTURES", "")


@pytest.mark.skipif(not FIXTURES, reason="PAPERTUNE_FIXTURES names no folder of saved papers")
def test_saved_papers():
    paper = read_pdf(Path(FIXTURES) / "pdf" / "pdfminer_naacl06-shinyama.pdf")
    title, text = paper.title, paper.text
    assert title.startswith("Preemptive Information Extraction")
    abstract = abstract_of(text)
    assert abstract.startswith("We are trying") and abstract.endswith("reasonably good results.")
    assert "Existing IE systems" in abstract
    assert "Eugene Agichtein" not in text[-3000:]
    assert refused(Path(FIXTURES) / "pdf" / "pdfminer_aes-256.pdf") == "pdf_encrypted"
