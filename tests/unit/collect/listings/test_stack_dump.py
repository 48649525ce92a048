"""A data dump's Posts.xml: which pairs are chosen, and the errors of a bad file."""

import bz2
import gzip
import lzma
import random
import re
from xml.sax.saxutils import quoteattr

import pytest

from papertune.collect.listings import stack_dump
from papertune.collect.listings.stack_dump import list_documents
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.records import Document
from papertune.study.settings import Fetching
from papertune.study.settings.qa import StackDumpSource

CODE = "<p>Do this:</p><pre><code>x = 1</code></pre>"


def row(number, kind, **attributes):
    values = {"Id": number, "PostTypeId": kind, "CreationDate": "2012-05-06T07:08:09.123",
              "Score": 5, "Body": f"<p>Text of {number}.</p>", "OwnerDisplayName": "Ann Author",
              **attributes}  # fmt: skip
    said = " ".join(f"{k}={quoteattr(str(v))}" for k, v in values.items() if v is not None)
    return f"  <row {said} />\n"


def asked(number, **attributes):
    return row(number, 1, **{"Title": f"What is {number}?", "Tags": "<a><b>", **attributes})


def answered(number, parent, **attributes):
    return row(number, 2, ParentId=parent, **attributes)


def dump(*rows):
    text = f'\ufeff<?xml version="1.0" encoding="utf-8"?>\n<posts>\n{"".join(rows)}</posts>\n'
    return text.encode()


@pytest.fixture
def listed(written, tmp_path):
    def read(*rows, content=None, name="Posts.xml", year=2012, **settings):
        path = written(dump(*rows) if content is None else content, name)
        source = StackDumpSource(kind="stack_dump", path=path, site="math", **settings)
        with PoliteSession(Fetching(), tmp_path / "cache") as session:
            return list(list_documents(session, source, year))

    return read


def test_a_dump_that_was_saved_in_utf_16_says_the_same(listed):
    rows = asked(4, Body="<p>R&amp;D?</p>"), answered(3, 4)
    text = dump(*rows).decode().lstrip("\ufeff").replace("utf-8", "utf-16")
    assert listed(content=text.encode("utf-16")) == listed(*rows)


def test_a_pair_has_its_question_and_its_answer_and_nobodys_name(listed):
    [pair] = listed(
        answered(3, 4, Body="<p>It is <code>one</code>.</p>", Score=3),  # before its question
        asked(4, Title="What is “x”?", Body="<p>I have $x^2 &lt; 1$.</p>\n<p>Thanks, Joe</p>"),
    )
    title, url = 'What is "x"?', "https://math.stackexchange.com/questions/4"
    said = {"found_by": "listing", "question": f"{title}\nI have $x^2 < 1$.", "score": 5.0}
    assert pair == Document(pair.id, title, url, 2012, "It is one.", **said)


@pytest.mark.parametrize(
    ("scores", "accepted", "best"),
    [({10: 9, 11: 8}, 11, 10), ({11: 4, 12: 4, 13: 4}, 12, 12), ({12: 4, 11: 4}, None, 11)],
)
def test_the_answer_with_the_highest_score_wins_and_accepted_breaks_ties(
    listed, scores, accepted, best
):
    answers = (answered(number, 1, Score=score) for number, score in scores.items())
    [pair] = listed(asked(1, AcceptedAnswerId=accepted), *answers)
    assert pair.text == f"Text of {best}."


def test_the_limit_takes_the_best_questions_that_have_an_answer_in_whatever_order_they_stand(
    listed,
):
    rows = [asked(n, Score=n) for n in range(1, 10)]
    rows += [answered(100 + n, n, Score=1 if n < 9 else 0) for n in range(1, 10) if n != 8]
    for order in (rows, rows[::-1]):
        assert [item.score for item in listed(*order, limit=3)] == [7, 6, 5]
    assert len(listed(*rows)) == 7


def test_scores_years_and_tags_select(listed):
    rows = [
        asked(1, Score=2), answered(11, 1, Score=2),
        asked(2, Score=3), answered(12, 2, Score=1),
        asked(3, CreationDate="2013-01-01T00:00:00.000"), answered(13, 3),
        asked(4, Tags="|b|c|"), answered(14, 4),
        row(5, 4, Body="a tag's wiki"),
    ]  # fmt: skip
    for how, numbers in (
        ({}, "421"), ({"min_score": 3}, "42"), ({"min_answer_score": 2}, "41"), ({"year": 2013}, "3"),
        ({"tags": ["A"]}, "21"), ({"tags": ["b", "c"]}, "4"),
    ):  # fmt: skip
        assert [item.title[8:-1] for item in listed(*rows, **how)] == list(numbers), how


def test_posts_with_code_lose_it_or_are_not_taken(listed):
    rows = [asked(1, Score=3), answered(11, 1, Body=CODE, Score=9), answered(12, 1)]
    rows += [asked(2, Body=CODE), answered(21, 2)]
    assert [item.text for item in listed(*rows)] == ["Text of 21.", "Do this:"]
    assert [item.text for item in listed(*rows, code="reject")] == ["Text of 12."]


BAD = [asked(9, Score="many"), asked(9, CreationDate=None), row(9, 2), row("x", 1)]
BAD += [asked("9" * 30), asked(9, Score="9" * 30), asked(9, Score="9" * 5000)]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_row_is_rejected_with_its_line(listed, bad):
    lost, kept = listed(asked(1), bad, answered(11, 1))
    assert (lost.stage, lost.reason, lost.key) == ("list", "bad_row", "Posts.xml:4")
    assert re.match(
        "(Id|Score|ParentId|CreationDate) is |it has no (ParentId|CreationDate)", lost.detail
    )
    assert kept.title == "What is 1?"


@pytest.mark.parametrize(
    ("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)]
)
def test_packed_dumps_are_read_as_they_are(listed, suffix, pack):
    packed, name = pack(dump(asked(1), answered(2, 1))), f"Posts.xml.{suffix}"
    assert [item.title for item in listed(content=packed, name=name)] == ["What is 1?"]


@pytest.mark.parametrize("block", [7, 1 << 20])
@pytest.mark.parametrize("end", ["</posts>", "/>", ">", "lt;", "What", "PostTypeId"])
def test_a_dump_that_is_cut_keeps_what_it_has_and_says_so(listed, monkeypatch, caplog, block, end):
    monkeypatch.setattr(stack_dump, "BLOCK", block)
    whole = dump(asked(1), answered(2, 1), asked(3, Title="What < 3?"), answered(4, 3))
    lost, pairs = [], []
    for item in listed(content=whole[: whole.rindex(end.encode())]):
        (pairs if isinstance(item, Document) else lost).append(item)
    assert pairs[0].title == "What is 1?"
    [told] = lost
    assert (told.reason, told.key.startswith("Posts.xml:")) == ("cut_off", True)
    assert "again" in told.detail and told.detail in caplog.text


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_packed_dump_that_is_cut_keeps_what_it_has(listed, pack):
    noise = random.Random(1).randbytes
    posts = [asked(n, Body=noise(2000).hex()) for n in range(1, 999, 2)]
    rows = [one for n, post in enumerate(posts) for one in (post, answered(2 * n + 2, 2 * n + 1))]
    packed = pack(dump(*rows))
    items = listed(content=packed[: len(packed) * 3 // 4], name="Posts.xml.gz")
    pairs = [item for item in items if getattr(item, "question", "")]
    assert 0 < len(pairs) < len(posts)
    assert [item.reason for item in items if item not in pairs] == ["cut_off"]


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    "bad", ["&#x1F;", "&#0;", "&#x0;", "&#xD800;", "&#56320;", "&#xFFFE;", "&#11;", "\x0b"]
)
def test_an_invalid_character_costs_itself(listed, monkeypatch, bad, block):
    monkeypatch.setattr(stack_dump, "BLOCK", block)
    text = dump(asked(1, Title="It is BAD&#33;"), answered(2, 1)).replace(b"&amp;#33", b"&#33")
    [pair] = listed(content=text.replace(b"BAD", f"o{bad}k&#x9;&#65;&#xD7FF;".encode()))
    assert pair.title == "It is ok A\ud7ff!"


BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 20}">' for n in range(1, 9))


@pytest.mark.parametrize(
    ("content", "said", "name"),
    [
        ("<posts>", "no element found", "Posts.xml"),
        (dump(asked(1))[:60], "not well-formed XML", "Posts.xml"),
        (dump(asked(1)).replace(b"Id=", b"Id"), "not well-formed XML", "Posts.xml"),
        ("<users><row Id='1'/></users>", "not a dump of posts", "Posts.xml"),
        (f'<!DOCTYPE p [<!ENTITY e0 "ha">{BOMB}]><posts><row Id="1" Body="&e8;"/></posts>',
         "amplification", "Posts.xml"),
        (b"7z\xbc\xaf\x27\x1c", "a .7z archive", "stackoverflow.7z"),
    ],
)  # fmt: skip
def test_what_is_no_whole_dump_is_an_error_with_file_and_hint(listed, content, said, name):
    with pytest.raises(CollectError, match=said) as caught:
        listed(content=content, name=name)
    assert caught.value.where.startswith(name)
    assert caught.value.hint


def test_questions_and_answers_are_in_ascii_and_of_named_elements_on_request(listed):
    body = "<h2>Éva’s</h2><p>Is “x” naïve?</p>"
    posts = (asked(4, Title="Why “x”?", Body=body), answered(3, 4, Body="<p>Café.</p>no"))
    [usual] = listed(*posts)
    [pair] = listed(*posts, characters="ascii", elements=["p"])
    assert pair.question == "Why &ldquo;x&rdquo;?\nIs &ldquo;x&rdquo; na&iuml;ve?"
    assert pair.text == "Caf&eacute;."
    assert (pair.title, pair.id) == (usual.title, usual.id) == ('Why "x"?', pair.id)
