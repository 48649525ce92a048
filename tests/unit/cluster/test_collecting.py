"""What collecting will lack, reported before the first request."""

from pathlib import Path
from typing import Any

import pytest

from papertune.cluster.collecting import check_collecting
from papertune.cluster.findings import Finding
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout
from papertune.study.settings import Source
from papertune.study.settings.listings import (
    BibtexSource,
    DblpSnapshotSource,
    FilesSource,
    PdfsSource,
)
from papertune.study.settings.qa import PairsSource, StackDumpSource
from papertune.study.settings.splits import Splits
from snakemake_run import ROOT

NO_YEARS = Splits.model_validate({"test": 0.5})
YEARS = Splits.model_validate(
    {"train": {"from": 2019, "to": 2020}, "test": {"from": 2022, "to": 2022}}
)
TEXT = "We study a thing of many and find that it works as it should. " * 4


@pytest.fixture(autouse=True)
def nothing_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("STACKEXCHANGE_KEY", "PAPERTUNE_CONTACT", "OPENALEX_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def layout_of(name: str, **changes: Any) -> Layout:
    study = load_experiment(ROOT / f"config/experiments/{name}.yaml")
    return Layout(name, study.model_copy(update=changes))


def found_of(source: Source, splits: Splits = NO_YEARS) -> list[Finding]:
    return list(check_collecting(layout_of("colt", source=source, splits=splits)))


def about(findings: list[Finding], *words: str) -> Finding:
    """The only finding that has all these words."""
    (found,) = [one for one in findings if all(word in str(one) for word in words)]
    return found


def wrong_of(findings: list[Finding]) -> Finding:
    (found,) = [one for one in findings if one.state == "wrong"]
    return found


def table(path: str, *rows: str, header: str = "title,doi,year,abstract") -> FilesSource:
    Path(path).write_text("\n".join([header, *rows]) + "\n")
    return FilesSource(kind="files", path=path)


def pairs(path: str, text: str) -> PairsSource:
    Path(path).write_text(text)
    columns = {"question": "q", "answer": "a"}
    return PairsSource.model_validate({"kind": "pairs", "path": path, "columns": columns})


# ---- whom servers may write to, and keys ------------------------------------------------------


def test_a_contact_is_needed_and_keys_make_it_faster(monkeypatch):
    layout = layout_of("cross-validated")
    found = list(check_collecting(layout))
    contact = about(found, "no contact address is set")
    assert contact.state == "wrong" and "export PAPERTUNE_CONTACT=" in contact.hint
    assert "stack_exchange" in contact.text and "https://" in contact.text
    assert about(found, "STACKEXCHANGE_KEY").state == "doubt"
    monkeypatch.setenv("STACKEXCHANGE_KEY", "secret")
    monkeypatch.setenv("PAPERTUNE_CONTACT", "someone@lab.example")
    found = list(check_collecting(layout))
    assert {one.state for one in found} == {"ok"} and "secret" not in str(found)


def test_a_contact_that_no_header_can_have_is_none(monkeypatch):
    monkeypatch.setenv("PAPERTUNE_CONTACT", "J\xfcrgen")
    assert "ASCII" in wrong_of(list(check_collecting(layout_of("cross-validated")))).text


@pytest.mark.parametrize("name", ["research-approach", "translation-code", "demo"])
def test_who_asks_no_site_needs_no_contact(name):
    assert "PAPERTUNE_CONTACT" not in str(list(check_collecting(layout_of(name))))


@pytest.mark.parametrize(
    ("texts", "state"), [(["", ""], "wrong"), ([TEXT, ""], "doubt"), ([TEXT, TEXT], "")]
)
def test_rows_without_texts_need_a_contact(texts, state):
    rows = [f"A study of {n} things,10.1234/{n},2020,{text}" for n, text in enumerate(texts)]
    found = found_of(table("papers.csv", *rows))
    assert [one.state for one in found if "PAPERTUNE_CONTACT" in one.hint] == [state] * bool(state)
    if state:
        lacking = about(found, "no contact address is set")
        assert f"{texts.count('')} documents" in lacking.text and "crossref" in lacking.text
    else:
        assert "OPENALEX" not in str(found)


# ---- files that a person brings ---------------------------------------------------------------


def test_documents_that_are_brought_are_looked_for_with_what_they_must_be(tmp_path):
    layout = layout_of("translation-code")
    lacking = wrong_of(list(check_collecting(layout)))
    assert "english-spanish.tsv" in lacking.text
    assert "english" in lacking.hint and "spanish" in lacking.hint
    path = tmp_path / layout.experiment.source.path
    path.parent.mkdir(parents=True)
    path.write_text("english\tspanish\nThe cat sleeps.\tEl gato duerme.\n")
    (found,) = check_collecting(layout)
    assert found.state == "ok"
    assert "PDF" in wrong_of(list(check_collecting(layout_of("research-approach")))).hint


def test_a_pattern_is_there_where_a_file_matches(tmp_path):
    source = PdfsSource(kind="pdfs", path="a/*.pdf")
    assert wrong_of(found_of(source))
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.pdf").touch()
    assert [one.state for one in found_of(source)] == ["ok"]


def test_of_years_without_files_each_is_named(tmp_path):
    (tmp_path / "papers/2019").mkdir(parents=True)
    (tmp_path / "papers/2019/one.pdf").touch()
    found = found_of(PdfsSource(kind="pdfs", path="papers/{year}"), YEARS)
    assert [one.state for one in found] == ["wrong", "wrong"]
    assert "2020" in found[0].text and "2022" in found[1].text


@pytest.mark.parametrize(
    ("rows", "header", "told"),
    [
        ([], "", "papers.csv"),
        ([], "title,doi,abstract", "papers.csv"),
        (["A,b,c"], "name,link,text", "title, abstract"),
        (["A study of things,no doi,2020,"], "title,doi,year,abstract", "papers.csv:2"),
    ],
)
def test_a_table_without_documents_is_told_with_what_it_has(rows, header, told):
    found = wrong_of(found_of(table("papers.csv", *rows, header=header)))
    assert told in found.text and "source.path" in found.text and found.hint


def test_years_that_a_table_has_not_are_told(monkeypatch):
    monkeypatch.setenv("PAPERTUNE_CONTACT", "someone@lab.example")
    rows = [f"A study of {year} things,10.1234/{year},{year},{TEXT}" for year in (2019, 2020)]
    lacking = wrong_of(found_of(table("papers.csv", *rows), YEARS))
    assert "2022" in lacking.text and "2019\u20132020" in lacking.hint


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"question": "Why?", "answer": "So."}\n', "question: 'q', answer: 'a'"),
        ("not JSON\nat all\n", "not JSON"),
        ("", "mine.jsonl"),
    ],
)
def test_pairs_that_cannot_be_read_are_told(text, told):
    assert told in wrong_of(found_of(pairs("mine.jsonl", text))).text


@pytest.mark.parametrize(
    "source",
    [
        FilesSource(kind="files", path="folder"),
        FilesSource(kind="files", path="folder.csv"),
        FilesSource(kind="files", path="old.xls"),
        BibtexSource(kind="bibtex", paths=["folder.csv"]),
        DblpSnapshotSource(kind="dblp_snapshot", path="old.xls", keys=["conf/pt/"]),
        StackDumpSource(kind="stack_dump", path="old.xls", site="math"),
        StackDumpSource(kind="stack_dump", path="folder", site="math"),
    ],
)
def test_what_is_another_kind_of_thing_is_told(tmp_path, source):
    for name in ("folder", "folder.csv"):
        (tmp_path / name).mkdir()
    (tmp_path / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    found = wrong_of(found_of(source, YEARS))
    assert "source.path" in found.text and found.hint


def test_rows_that_are_left_out_are_counted_with_the_first(tmp_path):
    good = f"A study of things,10.1234/1,2020,{TEXT}"
    bad = [f"A study of {n} others,none,2020," for n in range(3)]
    found = about(found_of(table("papers.csv", good, *bad)), "left out")
    assert found.state == "doubt" and "3 rows" in found.text and "papers.csv:3" in found.text


def test_of_what_is_collected_nothing_is_asked(tmp_path):
    layout = layout_of("translation-code")
    for path in map(Path, layout.documents()):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert list(check_collecting(layout)) == []


# ---- filters ----------------------------------------------------------------------------------


def test_what_a_filter_is_learned_from_is_looked_for_too(tmp_path):
    found = list(check_collecting(layout_of("ho-chi-minh")))
    assert about(found, "rajpurkar/squad").state == "ok"
    study = layout_of("ho-chi-minh").experiment
    against = {"kind": "table", "path": "others.csv", "column": "question"}
    chosen = type(study.filter).model_validate({"against": against})  # type: ignore[arg-type]
    layout = layout_of("ho-chi-minh", filter=chosen)
    assert "others.csv" in about(list(check_collecting(layout)), "filter.against").text
    (tmp_path / "others.csv").write_text("frage\nWarum?\n")
    lacking = about(list(check_collecting(layout)), "filter.against")
    assert lacking.state == "wrong" and "question" in lacking.text and "frage" in lacking.hint
    (tmp_path / "others.csv").write_text("question\nWhy?\n")
    assert about(list(check_collecting(layout)), "filter.against").state == "ok"
