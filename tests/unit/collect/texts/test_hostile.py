"""Text that is made to take forever is read within seconds, or costs its own document."""

import signal
import time

import pytest

from papertune.collect.texts.abstracts import best_abstract
from papertune.collect.texts.posts import clean_post
from papertune.collect.texts.text import clean
from papertune.collect.texts.titles import normalised, similarity
from papertune.collect.texts.wikipedia_text import sections_of_extract, sections_of_html
from papertune.collect.web.pages import challenge_of
from papertune.sentences import composed, without_runs

LONG = 200_000
SECONDS = 8.0  # of the processor; without care most of these take minutes, some take years
ABSTRACT = "Abstract: this paper shows that many things are well known to all of us. "


def much(part: str) -> str:
    return part * (LONG // len(part))


def page(body: str) -> None:
    best_abstract(f"<html><title>T</title><body>{body}</body></html>", "https://example.org/a")


def meta(content: str) -> None:
    best_abstract(f'<meta name="citation_abstract" content="{content}">', "https://example.org/a")


def alike(text: str) -> None:
    similarity(f"Paper {text}", f"paper {text} x")


def blocked(text: str) -> None:
    challenge_of(f"<title>Just a moment...</title>{text}")


HOSTILE = [
    (meta, "&lt;a x=" + " " * 40_000),
    (meta, "&lt;a x=" + " " * LONG),
    (meta, ABSTRACT + "&amp;#" + "9" * LONG),
    (page, much("<div class=abstract>") + ABSTRACT),
    (page, "<div class=abstract>" + much("<math><mi>x")),
    (page, "<b>Abstract</b>" * 4000),
    (page, "<div class=abstract><math>&amp;#" + "9" * LONG),
    (page, "<div class=abstract>" + ABSTRACT + much("\u0301\u0327")),
    (page, "<script>" + much('{"abstract": ["')),
    (clean, "<" * LONG),
    (clean, "a" + much("\u0301\u0327")),
    (clean_post, "<p>Hello</p><p>Thanks!!!!!!!!!!!!!!!!!!!!!! a</p>"),
    (clean_post, "<p>Hello</p><p>Thanks" + "!" * LONG + " a</p>"),
    (clean_post, "<p>Hello</p><p>Thanks" + much(" for any") + " x!</p>"),
    (clean_post, "<ol>" + much("<li>a")),
    (clean_post, much("<blockquote>") + "a"),
    (alike, "1" * 20_000),
    (alike, much("ab ")),
    (normalised, "a" + much("\u0301\u0327")),
    (sections_of_extract, much("{\\displaystyle \n")),
    (sections_of_extract, much("\n     ") + "x{\\displaystyle x}"),
    (sections_of_html, much("<sup>")),
    (blocked, much("<script>")),
]


@pytest.mark.parametrize(
    ("read", "text"), HOSTILE, ids=[f"{read.__name__} {text[:30]!a}" for read, text in HOSTILE]
)
def test_what_a_stranger_wrote_is_read_within_seconds(read, text):
    def stop(*_):
        pytest.fail(f"not read within {SECONDS} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        began = time.process_time()
        read(text)
        assert time.process_time() - began < SECONDS
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_marks_of_people_stay_and_those_of_nobody_go():
    assert composed("e\u0301 …\u2014…" + "\u2026" * 6000) == "é …\u2014…" + "\u2026" * 6000
    assert composed("a" + "\u0327" * 5000) == "a" + "\u0327" * 30
    assert clean("&#" + "9" * 5000 + "; &#0000000000000065;") == "\ufffd A"


def test_long_runs_of_blanks_are_one_and_short_ones_stay():
    assert without_runs(f"a  \n\n b{' ' * 99}c{chr(10) * 99}d{' ' * 29}e") == (
        f"a  \n\n b c\n\nd{' ' * 29}e"
    )


def test_lists_are_numbered_each_on_its_own():
    post = "<ol><li>a<ol><li>b</li></ol></li><li value=7>c</li></ol>"
    assert clean_post(post) == "1. a\n1. b\n2. c"
