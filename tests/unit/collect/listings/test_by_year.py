"""Local rows split by year: read once, digested by year, each document once."""

import os
import shutil

import pytest

from listed import rows_of
from papertune.collect.listings import by_year, files, pairs
from papertune.collect.listings import rows as rows_module
from papertune.collect.listings.by_year import digest
from papertune.errors import CollectError
from papertune.identity import share
from papertune.study import versions
from papertune.study.settings.listings import BibtexSource, FilesSource
from papertune.study.settings.qa import PairsSource
from papertune.study.splits import PartOf

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


TEXTS = {
    "none": "", "short": "We do it.", "long": "We do it, and so do they, in many more words.",
    "cut": "We show in eighty words that it is done, and so do they, in words and words and…",
}  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "best"),
    [
        (["none", "long"], "long"), (["long", "none"], "long"), (["short", "long"], "long"),
        (["cut", "short", "long"], "long"), (["short", "cut"], "short"), (["none", "cut"], "cut"),
        (["none", "short", "none", "long", "cut"], "long"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("years", [(2020, 2020), (2020, 2021), (0, 0)])
@pytest.mark.parametrize("kind", ["files", "bibtex"])
def test_of_rows_of_one_document_the_fullest_text_is_kept(written, kind, years, texts, best):
    said = [(years[min(n, 1)] or 2020, TEXTS[text]) for n, text in enumerate(texts)]
    if kind == "files":
        rows = [{**ROW, "year": year, "abstract": text} for year, text in said]
        made = source(written([{**OTHER, "year": said[-1][0]}, *rows]))
    else:
        entries = (
            f"@misc{{k{n}, title = {{A}}, url = {{{ROW['paper_url']}}}, year = {year},"
            f" abstract = {{{text}}}}}\n"
            for n, (year, text) in enumerate(said)
        )
        made = BibtexSource(kind="bibtex", paths=[written("".join(entries), "rows.jsonl")])
    documents, repeats = rows_of(made, years[0])
    [document] = [one for one in documents if one.title == "A"]
    assert document.text == TEXTS[best]
    assert document.year == 2020
    repeats += rows_of(made, 2021)[1] if years[1] == 2021 else []
    first = "1" if kind == "bibtex" else "2"
    assert [item.reason for item in repeats] == ["duplicate"] * (len(texts) - 1)
    assert all(item.detail.endswith(f"rows.jsonl:{first}") for item in repeats)
    before = digest(made, 2020 if years[0] else "train", None)
    shutil.rmtree(".snakemake")
    assert digest(made, 2020 if years[0] else "train", None) == before


def test_an_answer_is_nobody_elses_text(written):
    rows = [{"q": f"Q{n}", "a": "A. " * n, "i": "https://a.example"} for n in (1, 2)]
    columns = {"question": "q", "answer": "a", "id": "i"}
    [pair], _ = rows_of(PairsSource(kind="pairs", path=written(rows), columns=columns), 0)
    assert (pair.question, pair.text) == ("Q1", "A.")


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
    rows = [ROW, undated, OLDER, {**OTHER, "title": ""}]
    made = source(written(rows))
    documents, rejections = rows_of(made, 0)
    assert [document.year for document in documents] == [2020, 0, 2019]
    assert [item.reason for item in rejections] == ["bad_row"]
    shares = [share(document.id, "test") for document in documents]
    of_part = {part: PartOf(part, sorted(shares)[1]) for part in ("train", "test")}
    before = {part: digest(made, part, mine) for part, mine in of_part.items()}
    tests = shares.index(min(shares))
    rows[tests] = {**rows[tests], "abstract": "New."}
    written(rows)
    changed = [part for part, mine in of_part.items() if digest(made, part, mine) != before[part]]
    assert changed == ["test"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "the file is empty"),
        ([OLDER], "2019–2019"),
        ([{**ROW, "year": "soon"}], "rows.jsonl:1"),
        (None, "no such file"),
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


def row(number, **changes):
    """One of many rows; some are bad, undated, or the same document as another."""
    made = {"title": f"T{number}", "paper_url": f"https://a.example/{number % 97}"}
    made |= {"year": 2019 + number % 3 if number % 11 else "", "abstract": f"We {number}."}
    return made | ({"title": ""} if number % 13 == 0 else {}) | changes


EDITS = {
    "a row changes": lambda rows: [*rows[:40], {**rows[40], "abstract": "All is new."}, *rows[41:]],
    "a row more at the end": lambda rows: [*rows, row(1000)],
    "a row more in the middle": lambda rows: [*rows[:60], row(1000), *rows[60:]],
    "a row less": lambda rows: rows[:7] + rows[8:],
    "a year changes": lambda rows: [*rows[:90], {**rows[90], "year": 2021}, *rows[91:]],
    "the first of two goes": lambda rows: rows[1:],
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("name", ["files.jsonl", "files.csv", "pairs.jsonl", "pairs.csv"])
def test_of_a_table_that_changed_only_the_rows_near_the_change_are_read(
    written, monkeypatch, name, edit
):
    module = pairs if name.startswith("pairs") else files
    made = getattr(module, reader := "_pair" if module is pairs else "_item")
    read = []
    monkeypatch.setattr(module, reader, lambda *what: read.append(1) or made(*what))
    for limit, value in (("FEWEST", 4), ("RUN", 12)):
        monkeypatch.setattr(rows_module, limit, value)
    columns = {"question": "title", "answer": "abstract", "year": "year", "id": "paper_url"}
    how = {"columns": columns, "limit": 60} if module is pairs else {}
    one = (PairsSource if how else FilesSource)(kind=name[:5], path=name, **how)

    def listed():
        years = (2019, 2020, 2021)
        return [[digest(one, year, None), *by_year.items(one, year)] for year in years]

    rows = [row(number) for number in range(200)]
    written(rows, name)
    before = listed()
    assert len(read) == 200
    read.clear()
    written(EDITS[edit](rows), name)
    after = listed()
    assert 0 < len(read) < 60
    shutil.rmtree(".snakemake")
    assert listed() == after != before, "as if all of it had been read"


@pytest.mark.parametrize("left", [0, 20, 300, -1])
def test_what_is_kept_of_a_table_and_is_torn_or_of_another_version_is_made_again(
    written, monkeypatch, left
):
    made = source(written([OLDER, ROW]))
    before = list(by_year.items(made, 2020))
    shutil.rmtree(by_year.FOLDER)
    [path] = by_year.RUNS.rglob("*-*")
    path.write_text(path.read_text()[:left])
    assert list(by_year.items(made, 2020)) == before
    monkeypatch.setattr(versions, "COLLECT", -1)
    monkeypatch.setattr(files, "clean", lambda text: text * 2)
    [document] = by_year.items(made, 2020)
    assert document.title == ROW["title"] * 2


def test_a_time_that_was_set_back_hides_no_change(written):
    path = written([ROW])
    before, times = digest(source(path), 2020, None), os.stat(path)
    written([{**ROW, "title": "B"}])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert os.stat(path).st_size == times.st_size
    assert digest(source(path), 2020, None) != before


@pytest.mark.parametrize("named", ["title", "answer"])
def test_a_glance_tells_of_a_column_that_is_nowhere_and_reads_no_more(written, monkeypatch, named):
    monkeypatch.setattr(rows_module, "FEWEST", 4)
    monkeypatch.setattr(rows_module, "RUN", 12)
    table = written([row(number) for number in range(1, 200)], "rows.csv")
    read = []
    made = pairs._pair
    monkeypatch.setattr(pairs, "_pair", lambda *what: read.append(1) or made(*what))
    columns = {"question": named, "answer": "abstract", "year": "year"}
    one = PairsSource(kind="pairs", path=table, columns=columns)
    if named == "title":
        by_year.glance(one, 2020)
        assert len(read) < 5 and not by_year.FOLDER.exists()
        return
    with pytest.raises(CollectError, match="no row has the column for question: 'answer'"):
        by_year.glance(one, 2020)
