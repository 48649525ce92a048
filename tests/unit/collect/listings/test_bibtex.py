"""BibTeX files as people and publishers write them."""

import pytest

from papertune.collect.identifiers import document_id
from papertune.collect.listings import by_year
from papertune.errors import CollectError
from papertune.records import Document, Rejection
from papertune.study.settings.listings import BibtexSource


@pytest.fixture
def listed(written):
    def read(text):
        source = BibtexSource(kind="bibtex", paths=[written(text, "a.bib")])
        return list(by_year.items(source, 2020))

    return read


def entry(key="a", kind="article", **fields):
    fields = {"title": "A Title", "year": "2020", "url": "https://e.example/a", **fields}
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
    return f"@{kind}{{{key},\n{lines}}}\n"


def test_an_entry_is_a_document(listed):
    text = entry(doi="10.1145/AB.1", abstract="We do it.")
    doi, url = "10.1145/ab.1", "https://e.example/a"
    assert listed(text) == [
        Document(document_id(doi), "A Title", url, 2020, "We do it.", "listing", doi=doi)
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
    ("head", "encoding", "said"),
    [
        ("", "windows-1252", ""),  # its letters are certain
        ("% Encoding: Cp1251\n", "windows-1251", ""),  # as JabRef writes
        ("% Encoding: UTF-8\n", "utf-8", ""),
        ("", "utf-16", ""),
        ("", "windows-1251", "windows-1251"),
        ("% Encoding: of no kind\n", "utf-8", ""),
    ],
)
def test_encodings_are_what_the_file_or_the_settings_say(written, head, encoding, said):
    title = "О чайках" if encoding == "windows-1251" else "Über große Möwen"
    path = written((head + entry(title=title)).encode(encoding), "a.bib")
    [found] = by_year.items(BibtexSource(kind="bibtex", paths=[path], encoding=said), 2020)
    assert found.title == title


DOI, DOI_URL, PDF = "10.1145/a.1", "https://doi.org/10.1145/a.1", "https://e.example/a.pdf"
ESCAPED = r"\url{https://e.example/a\_b\%20c?x=1\&y=2}"
SCHOLAR = {"url": "", "journal": "arXiv preprint arXiv:2001.00001"}
OLD = {"url": "", "eprint": "cs/0101001"}
EPRINT = {"url": "", "eprint": "2001.00001v2", "archiveprefix": "arXiv"}


@pytest.mark.parametrize(
    ("fields", "url", "doi"),
    [
        ({"url": "", "doi": "https://doi.org/10.1145/A.1"}, DOI_URL, DOI),
        (
            {"url": "", "doi": r"10.1145/a{\_}b\_c"},
            "https://doi.org/10.1145/a_b_c",
            "10.1145/a_b_c",
        ),
        ({"url": ESCAPED}, "https://e.example/a_b%20c?x=1&y=2", ""),
        ({"url": PDF, "doi": "10.1145/A.1"}, DOI_URL, DOI),
        ({"url": PDF}, PDF, ""),
        (EPRINT, "https://arxiv.org/abs/2001.00001", "10.48550/arxiv.2001.00001"),
        (SCHOLAR, "https://arxiv.org/abs/2001.00001", "10.48550/arxiv.2001.00001"),
        (OLD, "https://arxiv.org/abs/cs/0101001", "10.48550/arxiv.cs/0101001"),
        ({"url": "not a url", "doi": "10.1145/A.1"}, DOI_URL, DOI),
        ({"url": "https://www.scopus.com/inward/record.uri?eid=1", "doi": DOI}, DOI_URL, DOI),
        ({"url": "http://e.example/a https://other.example/b"}, "http://e.example/a", ""),
        ({"url": "", "howpublished": r"\url{https://e.example/a\_b}"}, "https://e.example/a_b", ""),
        (
            {"url": "", "howpublished": r"Online: {\tt https://e.example/a}"},
            "https://e.example/a",
            "",
        ),
    ],
)
def test_the_address_of_an_entry(listed, fields, url, doi):
    [found] = listed(entry(**fields))
    assert (found.url, found.doi) == (url, doi)


def test_the_year_is_that_of_year_or_date(listed):
    for year in ({"date": "2020-05/2021-06"}, {"YEAR": "2020"}):
        assert len(listed(entry(**{"year": "", **year}))) == 1
    for fields in ({"year": "{2020}"}, {"year": "in press", "date": "2020"}):
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
        ("@article{b, title = {open {brace, year = 2020\n}\n", "bad_entry", "Unexpected block"),
        ("@article{b, title={x}, title={y}, year=2020}\n", "bad_entry", "title"),
        (entry("b", year="soon"), "bad_entry", "no year but 'soon'"),
        (entry("b", year=""), "bad_entry", "b: no year"),
        ('@article{b, title = "A " # name, year = 2020}\n', "bad_entry", "joined by #"),
        ('@article{b, title = "A" # "B", year = 2020}\n', "bad_entry", "joined by #"),
        ("@misc{b, title={x}\n abstract={y}, year=2020}\n", "bad_entry", "has no comma after it"),
        ("@misc{b, year=2020, abstract={y}\n title={x}}\n", "bad_entry", "has no comma after it"),
        ('@misc{b, title="x"\n note="y", year=2020}\n', "bad_entry", "title has no comma"),
        ('@misc{b, title="x"\n note={y}, year=2020}\n', "bad_entry", "title has no comma"),
        ("@misc{b, author={z}\n title={x}, year=2020}\n", "bad_entry", "author has no comma"),
        ("@misc{b, title={x}, month=may\n year={2020}}\n", "bad_entry", "month has no comma"),
        (
            "@misc{b, title={x}\n abstract={y}, year=2020, note={}, note={}}\n",
            "bad_entry",
            "has no comma after it",
        ),
        (entry("b", title=""), "no_title", "https://e.example/a"),
        (entry("b", title="Preface"), "front_matter", "Preface"),
        (entry("b", url="ftp://e.example/a"), "no_link", "A Title"),
    ],
)
def test_a_bad_entry_is_a_rejection_with_its_line_and_the_others_go_on(
    listed, text, reason, detail
):
    items = listed("\n\n" + entry("a") + text + entry("z", url="https://e.example/z"))
    first, last, rejection = sorted(items, key=lambda item: isinstance(item, Rejection))
    assert (rejection.stage, rejection.reason) == ("list", reason)
    assert rejection.key == "a.bib:8"
    assert detail in rejection.detail
    assert isinstance(first, Document)
    assert isinstance(last, Document)


def test_a_hash_inside_a_value_puts_nothing_together(listed):
    other = '@misc{b, title = "A {"}B{"} #1", year = 2020, doi = "10.1145/b"}'
    text = entry(title='{C#} and {F#}, "quoted"') + other
    assert [item.title for item in listed(text)] == ['C# and F#, "quoted"', 'A "B" #1']


def test_entries_need_no_key_and_lend_nobody_their_year(listed):
    keyless = entry("", doi="10.1145/1") + entry("", title="B", doi="10.1145/2")
    same_key = entry("c", year="in press", doi="10.1145/3") + entry("c", doi="10.1145/4")
    items = listed(keyless + same_key)
    assert sorted(getattr(item, "doi", item.reason) for item in items) == [
        "10.1145/1", "10.1145/2", "10.1145/4", "bad_entry",
    ]  # fmt: skip


def test_an_entry_may_begin_with_its_first_field(listed):
    keyless = entry("", doi="10.1145/1").replace("{,\n", "{\n")
    items = listed(keyless + entry("", title="B", doi="10.1145/2").replace("{,\n", "{ "))
    assert [item.title for item in items] == ["A Title", "B"]


def test_braces_and_equals_signs_of_a_text_are_its_own(listed):
    title = "The {X} note={3} of {Y} b={4}"
    [found] = listed(entry(title=title) + '@misc{b, title = "A "so" b", year = 2021}')
    assert found.title == "The X note=3 of Y b=4"


def test_a_field_that_is_not_needed_may_stand_twice(listed):
    twice = "  keywords = {a},\n  keywords = {b},\n}"
    [found] = listed(entry(title="{A} Title", abstract="We do it.").replace("\n}", f"\n{twice}"))
    assert (found.title, found.year, found.text) == ("A Title", 2020, "We do it.")
    macro = "@string{s = {A}}\n@misc{b, title = s, note = {a}, note = {b}, year = 2020}\n"
    [lost] = listed(macro)
    assert lost.reason == "bad_entry"


def test_several_files_and_one_for_each_year(written):
    for name, title in (("0.bib", "A"), ("1.bib", "B"), ("2020.bib", "C")):
        written(entry(title=title, url=f"https://e.example/{title}"), name)
    both = BibtexSource(kind="bibtex", paths=["0.bib", "1.bib", "0.bib", "{year}.bib"])
    assert [item.title for item in by_year.items(both, 2020)] == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (entry(year="2019"), "nothing of 2020"),
        (b"@article{a, title = {\xcf\xf0\xe8}}", r"a\.bib: not UTF-8"),
    ],
)
def test_a_file_without_entries_of_the_year_is_an_error(listed, text, said):
    with pytest.raises(CollectError, match=said):
        listed(text)


def test_what_publishers_have_behind_an_abstract_goes(listed):
    whole = "We cut the energy of caches by a third, and show it on six programs. Prices fall, too."
    [document] = listed(entry(abstract=f"{whole} Keywords: caches, energy. © 2019 Elsevier B.V."))
    assert document.text == whole
