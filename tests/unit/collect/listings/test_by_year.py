"""Local rows parted by year: read once, digested by year, each document once."""

import os

import pytest

from listed import rows_of
from papertune.collect.listings import by_year, files
from papertune.collect.listings.by_year import digest
from papertune.errors import CollectError
from papertune.study.settings.listings import BibtexSource, FilesSource
from papertune.study.settings.qa import PairsSource

ROW = {"title": "A", "paper_url": "https://a.example/1", "year": 2020, "abstract": "We do."}
OTHER = {"title": "B", "paper_url": "https://a.example/2", "year": "2020", "abstract": ""}
OLDER = {"title": "C", "paper_url": "https://a.example/0", "year": 2019, "abstract": "Then."}
DOIS = (
    "10.1145/3579371.AB", "https://doi.org/10.1145/3579371.ab", "doi:10.1145/3579371.ab",
    "http://dx.doi.org/10.1145%2F3579371.ab", "https://dl.acm.org/doi/10.1145/3579371.ab",
    "10.1145/3579371.ab.",
)  # fmt: skip
NUMBERS = (
    "https://arxiv.org/abs/2001.00001v2", "http://www.arxiv.org/pdf/2001.00001.pdf",
    "arXiv:2001.00001", "https://doi.org/10.48550/arXiv.2001.00001", "arxiv.org/abs/2001.00001",
)  # fmt: skip


def source(path):
    return FilesSource(kind="files", path=path)


@pytest.mark.parametrize("spellings", [DOIS, NUMBERS])
@pytest.mark.parametrize("kind", ["doi", "paper_url", "bibtex doi", "bibtex url", "pairs"])
def test_one_document_in_many_spellings_and_years_is_listed_once(written, kind, spellings):
    if kind == "bibtex url":  # an entry's url is a web address
        spellings = [text for text in spellings if text.startswith("http")]
    said = [(text, 2022 - 2 * (number % 2)) for number, text in enumerate(spellings)]
    field = kind.removeprefix("bibtex ")
    if field != kind:
        entries = [
            f"@article{{k{n}, title = {{A}}, year = {year}, {field} = {{{spelling}}}}}\n"
            for n, (spelling, year) in enumerate(said)
        ]
        made = BibtexSource(kind="bibtex", paths=[written("".join(entries), "rows.jsonl")])
    elif kind == "pairs":
        rows = [{"q": f"Q{n}", "a": "A", "y": y, "i": s} for n, (s, y) in enumerate(said)]
        columns = {"question": "q", "answer": "a", "year": "y", "id": "i"}
        made = PairsSource(kind="pairs", path=written(rows), columns=columns)
    else:
        rows = [{"title": "A", kind: s, "year": y, "abstract": "Text."} for s, y in said]
        made = source(written(rows))
    (documents, repeats), (none, others) = rows_of(made, 2022), rows_of(made, 2020)
    assert len(documents) == 1
    assert not none, "a document has one year, that of its first row"
    assert {item.reason for item in repeats + others} == {"duplicate"}
    assert len(repeats) + len(others) == len(said) - 1
    assert all(item.detail.endswith("rows.jsonl:1") for item in repeats + others)


def test_a_file_is_read_once_for_all_years_and_again_when_it_changes(written, monkeypatch):
    read, asked = files.read, []
    monkeypatch.setattr(files, "read", lambda *what: asked.append(what) or read(*what))
    path = written([OLDER, ROW])
    before = digest(source(path), 2020, None)
    for year in (2019, 2020):
        assert len(rows_of(source(path), year)[0]) == 1
        assert digest(source(path), year, None)
    assert len(asked) == 1
    os.utime(path, (1, 1))
    [made] = by_year.FOLDER.iterdir()
    os.utime(made, (1, 1))
    assert digest(source(path), 2020, None) == before, "a time is no row"
    assert len(list(by_year.FOLDER.iterdir())) == 1, "rows that nobody looked at are gone"
    written([OLDER, ROW, OTHER])
    assert digest(source(path), 2020, None) != before
    assert len(rows_of(source(path))[0]) == 2
    assert len(asked) == 3


def test_the_digest_of_a_year_is_of_what_its_rows_say_whatever_the_order_and_format(written):
    before = digest(source(written([OLDER, ROW, OTHER], "a.jsonl")), 2020, None)
    rows = [OTHER, {**OLDER, "abstract": "Now."}, ROW]
    for name in ("b.jsonl", "b.json", "b.csv"):
        made = source(written(rows, name))
        assert digest(made, 2020, None) == before
        assert digest(made, 2019, None) != digest(source("a.jsonl"), 2019, None)
    assert digest(source("a.jsonl"), 2018, None) == ""
    for field in ("title", "paper_url", "abstract"):
        changed = {**ROW, field: "https://b.example"}
        made = source(written([OLDER, changed, OTHER], f"{field}.jsonl"))
        assert digest(made, 2020, None) != before


def test_without_years_every_row_is_listed_in_its_order_and_digested_by_part(written):
    undated = {key: value for key, value in OTHER.items() if key != "year"}
    made = source(written([ROW, undated, OLDER, {**OTHER, "title": ""}]))
    documents, rejections = rows_of(made, 0)
    assert [document.year for document in documents] == [2020, 0, 2019]
    assert [item.reason for item in rejections] == ["bad_row"]
    first = documents[0].id
    of_part = {"train": lambda key: key != first, "test": lambda key: key == first}
    before = {part: digest(made, part, mine) for part, mine in of_part.items()}
    written([{**ROW, "abstract": "New."}, undated, OLDER, {**OTHER, "title": ""}])
    changed = [part for part, mine in of_part.items() if digest(made, part, mine) != before[part]]
    assert changed == ["test"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "nothing of 2020"),
        ([OLDER], "2019–2019"),
        ([{**ROW, "year": "soon"}], "rows.jsonl:1"),
        (None, "cannot read the file"),
    ],
)
def test_a_file_without_the_year_is_an_error_naming_it(written, rows, said):
    path = "rows.jsonl" if rows is None else written(rows)
    with pytest.raises(CollectError, match=said) as caught:
        rows_of(source(path))
    assert caught.value.where == "rows.jsonl"
    with pytest.raises(CollectError, match="not JSON"):
        rows_of(source(written('[{"title": 1}, {', "torn.json")))
    assert len(list(by_year.FOLDER.iterdir())) == (rows is not None), "a torn file leaves nothing"
