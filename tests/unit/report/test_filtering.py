"""The filter on the page and in the tables."""

from dataclasses import replace

import pytest

from papertune.filter.learn import learn_filter
from papertune.filter.questions import Asked, Judged
from papertune.pairfile import read_pairs
from papertune.records import Rejection, read_records, write_records
from papertune.report.filtering import filter_table, read_filtering, write_filtering
from papertune.report.table import read_table
from papertune.study.settings import QuestionFilter, UnrelatedTable
from sample_study import make_study, write_report
from unit.report.test_page import HOSTILE, Elements


def with_filter(folder, hostile=""):
    """A study with a filter, learned of its questions."""
    return add_filter(
        make_study(folder, metrics=["token_f1"], per_year=4, hostile=hostile), hostile
    )


def add_filter(study, hostile=""):
    """The study with a filter that is learned of its questions."""
    against = UnrelatedTable(kind="table", path="others.csv")
    chosen = study.experiment.model_copy(update={"filter": QuestionFilter(against=against)})
    study = replace(study, layout=replace(study.layout, experiment=chosen))
    layout = study.layout
    unrelated, questions = layout.filter_left_out()
    # a third of them asks as the study does
    asked = sorted({pair.question for path in layout.filter_pairs() for pair in read_pairs(path)})
    alike = [f"{question} {n} {hostile}" for n, question in enumerate(asked[:20])]
    others = [*alike, *(f"Who won in {year}{hostile}?" for year in range(1900, 1940))]
    write_records(
        layout.filter("unrelated.jsonl"),
        [Asked(f"row:{n}", f"row:{n}", text) for n, text in enumerate(others)],
    )
    write_records(unrelated, [Rejection("filter", "row:99", "no_question")])
    learn_filter(
        pairs=layout.filter_pairs(),
        unrelated=layout.filter("unrelated.jsonl"),
        folder=layout.filter(""),
        rejected=questions,
        **{"precision": 0.5, "folds": 5, "documents": 10, "confidence": 0.95},
    )
    write_filtering(layout, study.tables)
    return study


@pytest.fixture(scope="module")
def filtered(tmp_path_factory):
    return with_filter(tmp_path_factory.mktemp("filter"))


def test_the_page_shows_the_table_and_both_kinds_of_error(filtered, tmp_path):
    page = write_report(filtered, tmp_path / "report.html")
    text = " ".join(" ".join(Elements(page).texts).split())
    found = read_filtering(filtered.layout)
    for row in found["table"].rows:
        assert all(cell in text for cell in row), row
    judged = list(read_records(filtered.layout.filter("judged.jsonl"), Judged))
    wrong = [one for one in judged if one.passes != one.related]
    counts = [sum(one.passes is kind for one in wrong) for kind in (True, False)]
    assert max(counts) > 10 and [count for count, _ in found["wrong"].values()] == counts
    for count, some in found["wrong"].values():
        assert len(some) == min(count, 10)
        assert all(" ".join(question.split()) in text for question, _ in some)
    assert dict(found["left_out"])["no_question"] == 1
    for term in found["about"]["telling"]["related"]:
        assert term in text


def test_the_tables_say_the_same(filtered):
    table = read_filtering(filtered.layout)["table"]
    assert read_table(filtered.tables / "filter.json").rows == table.rows
    assert (filtered.tables / "filter.tex").exists() and (filtered.tables / "filter.md").exists()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0%"),
        (0.000059, "0.0059%"),
        (0.634, "63%"),
        (0.977, "97.7%"),
        (0.9996, "99.960%"),
        (1.0, "100%"),
        (1e-12, "0.000000%"),
    ],
)
def test_shares_near_0_and_1_keep_two_digits(filtered, value, shown):
    about = read_filtering(filtered.layout)["about"]
    measure = {"value": value, "low": value, "high": value}
    one = dict.fromkeys(("precision", "recall", "f1", "passed"), measure)
    table = filter_table(about | {"measured": {"chosen": one, "middle": one}})
    assert table.rows[0][1] == f"{shown} [{shown}, {shown}]"


def test_a_precision_that_was_not_reached_and_few_documents_are_said(filtered):
    about = read_filtering(filtered.layout)["about"]
    few = {"value": 0.5, "low": None, "high": None}
    one = dict.fromkeys(("precision", "recall", "f1", "passed"), few | {"value": None})
    one["recall"] = few
    table = filter_table(about | {"reached": False, "measured": {"chosen": one, "middle": one}})
    assert "no threshold" in table.rows[0][0] and table.rows[0][1] == "–"
    assert "few documents" in table.rows[0][2]


def test_questions_of_strangers_are_no_markup(tmp_path):
    study = with_filter(tmp_path / "s", hostile=HOSTILE)
    page = write_report(study, tmp_path / "report.html")
    elements = Elements(page)
    assert elements.tags.count("script") == 2 + 2 and "img" not in elements.tags
    shown = [
        question
        for _, some in read_filtering(study.layout)["wrong"].values()
        for question, _ in some
    ]
    assert any("<script" in question for question in shown)
    for key, value in elements.attributes:
        assert key[:2] != "on" and "javascript:" not in (value or "")


def test_without_the_setting_there_is_nothing_of_it(tmp_path):
    study = make_study(tmp_path / "s", metrics=["token_f1"], per_year=4)
    assert read_filtering(study.layout) is None
    assert "filter" not in study.layout.further_tables()
    assert 'id="filter"' not in write_report(study, tmp_path / "report.html")
