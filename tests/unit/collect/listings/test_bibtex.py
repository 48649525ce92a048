"""BibTeX files as people and publishers write them."""

from __future__ import annotations

import pytest

from papertune.collect.identifiers import document_id
from papertune.collect.listings import bibtex
from papertune.errors import CollectError
from papertune.records import Document
from papertune.study.settings.listings import BibtexSource


@pytest.fixture
def source(tmp_path):
    def write(*texts):
        paths = []
        for number, text in enumerate(texts):
            paths.append(tmp_path / f"{number}.bib")
            paths[-1].write_bytes(text if isinstance(text, bytes) else text.encode())
        return BibtexSource(kind="bibtex", paths=list(map(str, paths)))

    return write


@pytest.fixture
def listed(source):
    def read(*texts, year=2020):
        return list(bibtex.list_documents(None, source(*texts), year))

    return read


def entry(key="a", kind="article", **fields):
    fields = {"title": "A Title", "year": "2020", "url": "https://e.example/a", **fields}
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
    return f"@{kind}{{{key},\n{lines}}}\n"


def test_an_entry_is_a_document(listed):
    text = entry(doi="10.1145/AB.1", abstract="We do it.")
    assert listed(text) == [
        Document(
            id=document_id("10.1145/ab.1"),
            title="A Title",
            url="https://e.example/a",
            year=2020,
            text="We do it.",
            found_by="listing",
            doi="10.1145/ab.1",
        )
    ]


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"{G{\"o}del}, {\'E}t{\'{e}} and Erd\H{o}s", "Gödel, Été and Erdős"),
        (r"{\O}ystein {\ss} {\aa} {\l} \c{c} \v{s} {\i}", "Øystein ß å ł ç š ı"),
        (r"A {GPU} \emph{and} {\textbf{more}} \& 50\% \$5", "A GPU and more & 50% $5"),
        (r"``Quoted'' -- a---b~c", "“Quoted” – a—b c"),
        (r"In $O(n^2)$ or $\alpha$", r"In $O(n^2)$ or $\alpha$"),
        (r"Gains~\cite{x} of 50% more\footnote{y}.", "Gains of 50% more."),
        (r"See \url{https://e.example/a_b} and \href{https://e.example}{this}", None),
        ("Two\n   lines &amp; <i>tags</i>", "Two lines & tags"),
        ("\\unknown{kept} \\LaTeX{} {C}\\#", "kept LaTeX C#"),
        ("AT&T pays $5, &quot;50% &#233;&quot;", 'AT&T pays $5, "50% é"'),
        ("From $5 to $9 & 50% #1", "From $5 to $9 & 50% #1"),
        ("Schon Gr\u00f6\u00dfe", "Schon Größe"),
    ],
)
def test_latex_is_read_as_people_read_it(listed, latex, text):
    text = text or "See https://e.example/a_b and this"
    [found] = listed(entry(title=latex, abstract=latex))
    assert (found.title, found.text) == (text, text)


@pytest.mark.parametrize(
    ("fields", "url", "doi"),
    [
        (
            {"url": "", "doi": "https://doi.org/10.1145/A.1"},
            "https://doi.org/10.1145/a.1",
            "10.1145/a.1",
        ),
        (
            {"url": "", "doi": r"10.1145/a{\_}b\_c"},
            "https://doi.org/10.1145/a_b_c",
            "10.1145/a_b_c",
        ),
        ({"url": "https://doi.org/10.1145/A.1"}, "https://doi.org/10.1145/A.1", "10.1145/a.1"),
        (
            {"url": r"\url{https://e.example/a\_b\%20c?x=1\&y=2}"},
            "https://e.example/a_b%20c?x=1&y=2",
            "",
        ),
        (
            {"url": "https://e.example/a.pdf", "doi": "10.1145/A.1"},
            "https://doi.org/10.1145/a.1",
            "10.1145/a.1",
        ),
        ({"url": "https://e.example/a.pdf"}, "https://e.example/a.pdf", ""),
        (
            {"url": "", "eprint": "2001.00001v2", "archiveprefix": "arXiv"},
            "https://arxiv.org/abs/2001.00001",
            "",
        ),
        ({"url": "", "eprint": "cs/0101001"}, "https://arxiv.org/abs/cs/0101001", ""),
        ({"url": "not a url", "doi": "10.1145/A.1"}, "https://doi.org/10.1145/a.1", "10.1145/a.1"),
    ],
)
def test_the_address_of_an_entry(listed, fields, url, doi):
    [found] = listed(entry(**fields))
    assert (found.url, found.doi) == (url, doi)


@pytest.mark.parametrize(
    "fields",
    [
        {"year": "", "date": "2020"},
        {"year": "", "date": "2020-05-01"},
        {"year": "", "date": "2020-05/2021-06"},
        {"year": "{2020}"},
        {"year": "", "YEAR": "2020"},
        {"year": "in press", "date": "2020"},
    ],
)
def test_the_year_is_that_of_year_or_date(listed, fields):
    assert len(listed(entry(**fields))) == 1


def test_strings_are_resolved_and_the_year_comes_from_the_volume(listed):
    text = (
        "@string{name = {A Name}}\n@comment{jabref-meta: x}\nfree text\n"
        '@inproceedings{a, title = name, crossref = "v", doi = "10.1145/a"}\n'
        + entry("v", "proceedings", title="Proceedings of X")
    )
    found, rejection = listed(text)
    assert (found.title, found.year) == ("A Name", 2020)
    assert (rejection.reason, rejection.detail) == ("proceedings_volume", "Proceedings of X")


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        (
            "@article{b, title = {open {brace, year = 2020\n}\n",
            "bad_entry",
            "Unexpected block start",
        ),
        ("@article{b title = {x}}\n", "bad_entry", "Expected comma"),
        ("@article{b, title={x}, title={y}, year=2020}\n", "bad_entry", "title"),
        (entry("b", year="soon"), "bad_entry", "no year but 'soon'"),
        (entry("b", year=""), "bad_entry", "b: no year"),
        ('@article{b, title = "A " # name, year = 2020}\n', "bad_entry", "put together with #"),
        ('@article{b, title = "A" # "B", year = 2020}\n', "bad_entry", "put together with #"),
        (entry("b", title=""), "no_title", "b"),
        (entry("b", title="Preface"), "front_matter", "Preface"),
        (entry("b", url=""), "no_link", "b: A Title"),
        (entry("b", url="ftp://e.example/a"), "no_link", "b: A Title"),
        (entry("a", title="Again"), "duplicate_key", "'a'"),
    ],
)
def test_a_bad_entry_is_a_rejection_with_its_line_and_the_others_go_on(
    listed, tmp_path, text, reason, detail
):
    first, rejection, last = listed("\n\n" + entry("a") + text + entry("z"))
    assert (rejection.stage, rejection.reason) == ("list", reason)
    assert rejection.key == f"{tmp_path / '0.bib'}:8"
    assert detail in rejection.detail
    assert isinstance(first, Document)
    assert isinstance(last, Document)


def test_a_hash_inside_a_value_puts_nothing_together(listed):
    text = (
        entry(title='{C#} and {F#}, "quoted"')
        + '@misc{b, title = "A {"}B{"} #1", year = 2020, doi = "10.1145/b"}'
    )
    assert [item.title for item in listed(text)] == ['C# and F#, "quoted"', 'A "B" #1']


def test_entries_of_other_years_are_passed_over(listed):
    text = entry("a") + entry("b", year="2019") + entry("b", year="2019") + entry("c", year="?")
    assert [getattr(item, "reason", "") for item in listed(text)] == ["", "bad_entry"]
    assert [item.reason for item in listed(text, year=2019)] == ["", "duplicate_key", "bad_entry"]


def test_several_files_and_one_for_each_year(source, tmp_path):
    source(entry("a"), entry("a", title="B"))
    (tmp_path / "2020.bib").write_text(entry("c", title="C"))
    paths = [str(tmp_path / name) for name in ("0.bib", "1.bib", "0.bib", "{year}.bib")]
    both = BibtexSource(kind="bibtex", paths=paths)
    assert [d.title for d in bibtex.list_documents(None, both, 2020)] == ["A Title", "B", "C"]


def test_the_digest_of_a_year_is_of_its_documents_only(source):
    one, two, late = (
        entry("a"),
        entry("b", title="B", url="https://e.example/b"),
        entry("c", year="2021"),
    )
    before = bibtex.entries_digest(source(one + two), 2020)
    assert bibtex.entries_digest(source(two + "\n\n% a comment\n" + one + late), 2020) == before
    assert bibtex.entries_digest(source(one), 2020) != before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (entry(year="2019"), "no entry of 2020"),
        ("", "no entry of 2020"),
        ("<html>Sorry</html>", "no entry of 2020"),
        (b"@article{a, title = {Gr\xf6\xdfe}}", r"0\.bib:1: not UTF-8"),
    ],
)
def test_a_file_without_entries_of_the_year_is_an_error(listed, text, said):
    with pytest.raises(CollectError, match=said):
        listed(text)


def test_a_file_that_is_not_there_is_an_error():
    none = BibtexSource(kind="bibtex", paths=["none-{year}.bib"])
    with pytest.raises(CollectError, match=r"none-2020\.bib: cannot read"):
        list(bibtex.list_documents(None, none, 2020))
