"""A data dump's Posts.xml: which pairs are chosen, and what a bad file says."""

from __future__ import annotations

import bz2
import gzip
import lzma
from xml.sax.saxutils import quoteattr

import pytest

from papertune.collect.listings.stack_dump import list_documents, read_posts
from papertune.errors import CollectError
from papertune.records import Document, Rejection
from papertune.study.settings.qa import StackDumpSource


def row(number: int, kind: int, **attributes: object) -> str:
    values = {
        "Id": number,
        "PostTypeId": kind,
        "CreationDate": "2012-05-06T07:08:09.123",
        "Score": 5,
        "Body": f"<p>Text of {number}.</p>",
        "OwnerUserId": 77,
        "OwnerDisplayName": "Ann Author",
        "LastEditorDisplayName": "Ed Editor",
        **attributes,
    }
    said = " ".join(f"{k}={quoteattr(str(v))}" for k, v in values.items() if v is not None)
    return f"  <row {said} />\n"


def asked(number: int, **attributes: object) -> str:
    return row(number, 1, **{"Title": f"What is {number}?", "Tags": "<a><b>", **attributes})


def answered(number: int, parent: int, **attributes: object) -> str:
    return row(number, 2, ParentId=parent, **attributes)


def dump(*rows: str) -> bytes:
    text = f'\ufeff<?xml version="1.0" encoding="utf-8"?>\n<posts>\n{"".join(rows)}</posts>\n'
    return text.encode()


@pytest.fixture
def listed(tmp_path):
    def read(*rows: str, year: int = 2012, **settings: object) -> list[Document | Rejection]:
        path = tmp_path / "Posts.xml"
        path.write_bytes(dump(*rows))
        source = StackDumpSource(kind="stack_dump", path=str(path), site="math", **settings)
        return list(list_documents(None, source, year))

    return read


def test_a_pair_has_its_question_and_its_answer_and_nobodys_name(listed):
    [pair] = listed(
        asked(4, Title="What is “x”?", Body="<p>I have $x^2 &lt; 1$.</p>\n<p>Thanks, Joe</p>"),
        answered(7, 4, Body="<p>It is <code>one</code>.</p>", Score=3),
    )
    assert pair == Document(
        id=pair.id,
        title='What is "x"?',
        url="https://math.stackexchange.com/questions/4",
        year=2012,
        text="It is one.",
        found_by="listing",
        question='What is "x"?\nI have $x^2 < 1$.',
        score=5.0,
    )


def test_the_answer_with_the_highest_score_wins_and_accepted_breaks_ties(listed):
    texts = {
        item.title: item.text
        for item in listed(
            asked(1, AcceptedAnswerId=11),
            answered(10, 1, Score=9),
            answered(11, 1, Score=8),
            asked(2, AcceptedAnswerId=22),
            answered(21, 2, Score=4),
            answered(22, 2, Score=4),
            answered(23, 2, Score=4),
            asked(3),
            answered(32, 3, Score=4),
            answered(31, 3, Score=4),
        )
    }
    assert texts == {
        "What is 1?": "Text of 10.",
        "What is 2?": "Text of 22.",
        "What is 3?": "Text of 31.",
    }


def test_answers_may_come_before_their_questions(listed):
    [pair] = listed(answered(1, 2), asked(2))
    assert (pair.title, pair.text) == ("What is 2?", "Text of 1.")


def test_the_limit_takes_the_best_questions_that_have_an_answer(listed):
    rows = [asked(n, Score=n) for n in range(1, 10)]
    rows += [answered(100 + n, n, Score=1 if n < 9 else 0) for n in range(1, 10) if n != 8]
    assert [item.score for item in listed(*rows, limit=3)] == [7, 6, 5]
    assert len(listed(*rows)) == 7


def test_the_order_of_the_file_does_not_matter(listed):
    rows = [asked(n, Score=n % 3 + 1) for n in range(1, 30)]
    rows += [answered(100 + n, n) for n in range(1, 30)]
    assert listed(*rows, limit=10) == listed(*reversed(rows), limit=10)


def test_scores_years_and_tags_select(listed):
    rows = [
        asked(1, Score=2),
        answered(11, 1, Score=2),
        asked(2, Score=3),
        answered(12, 2, Score=1),
        asked(3, CreationDate="2013-01-01T00:00:00.000"),
        answered(13, 3),
        asked(4, Tags="|b|c|"),
        answered(14, 4),
        row(5, 4, Body="a tag's wiki"),
    ]
    titles = lambda **how: [item.title[8:-1] for item in listed(*rows, **how)]  # noqa: E731
    assert titles() == ["4", "2", "1"]
    assert titles(min_score=3) == ["4", "2"]
    assert titles(min_answer_score=2) == ["4", "1"]
    assert titles(year=2013) == ["3"]
    assert titles(tags=["A"]) == ["2", "1"]
    assert titles(tags=["b", "c"]) == ["4"]


def test_posts_with_code_lose_it_or_are_not_taken(listed):
    code = "<p>Do this:</p><pre><code>x = 1</code></pre>"
    rows = [
        asked(1, Score=3),
        answered(11, 1, Body=code, Score=9),
        answered(12, 1),
        asked(2, Body=code),
        answered(21, 2),
    ]
    assert [item.text for item in listed(*rows)] == ["Text of 21.", "Do this:"]
    assert [item.text for item in listed(*rows, code="reject")] == ["Text of 12."]


def test_a_pair_of_which_nothing_is_left_is_rejected_by_its_address(listed):
    kept, lost = listed(
        asked(1, Score=9),
        answered(11, 1),
        asked(2),
        answered(21, 2, Body="<pre><code>x</code></pre>"),
    )
    assert isinstance(kept, Document)
    assert (lost.key, lost.reason) == ("https://math.stackexchange.com/questions/2", "no_text")


@pytest.mark.parametrize(
    "bad",
    [
        asked(9, Score="many"),
        asked(9, CreationDate=None),
        row(9, 2),
        row("x", 1),
        row(9, 1, Id=None),
    ],
)
def test_a_bad_row_is_rejected_with_its_line(listed, bad):
    lost, kept = listed(asked(1), bad, answered(11, 1))
    assert (lost.stage, lost.reason, lost.key.rpartition(":")[2]) == ("list", "bad_row", "4")
    assert kept.title == "What is 1?"


@pytest.mark.parametrize(
    ("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)]
)
def test_packed_dumps_are_read_as_they_are(tmp_path, suffix, pack):
    path = tmp_path / f"Posts.xml.{suffix}"
    path.write_bytes(pack(dump(asked(1), answered(2, 1))))
    source = StackDumpSource(kind="stack_dump", path=str(path), site="math")
    assert [item.title for item in list_documents(None, source, 2012)] == ["What is 1?"]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CollectError, match=r"cannot read the file|not well-formed"):
        list(list_documents(None, source, 2012))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no element found"),
        (dump(asked(1))[:-12], "not well-formed XML"),
        (b"<posts><row Id='1'", "unclosed token"),
        (b"<users><row Id='1'/></users>", "not a dump of posts"),
        (b"<html><body>Not here</body></html>", "not a dump of posts"),
        (b"{}", "not well-formed"),
    ],
)
def test_what_is_no_whole_dump_is_an_error_with_file_and_hint(tmp_path, content, message):
    path = tmp_path / "Posts.xml"
    path.write_bytes(content)
    with pytest.raises(CollectError, match=message) as caught:
        list(read_posts(path))
    assert str(path) in caught.value.where
    assert caught.value.hint


@pytest.mark.parametrize("name", ["Posts.xml", "stackoverflow.7z"])
def test_a_file_that_cannot_be_read_says_what_to_give(tmp_path, name):
    with pytest.raises(CollectError, match="cannot read the file") as caught:
        list(read_posts(tmp_path / name))
    assert "unpack a .7z" in caught.value.hint


def test_entities_that_grow_are_refused(tmp_path):
    path = tmp_path / "Posts.xml"
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 20}">' for n in range(1, 9))
    text = f'<!DOCTYPE p [<!ENTITY e0 "ha">{levels}]><posts><row Id="1" Body="&e8;"/></posts>'
    path.write_text(text)
    with pytest.raises(CollectError, match="amplification"):
        list(read_posts(path))
