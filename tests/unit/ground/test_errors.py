"""What others wrote, as it may be shown."""

import time

import pytest

from papertune.errors import CollectError, has_user, keys_in, one_line, shown, without_keys
from papertune.records import Rejection

SHOWN = [
    ("Café 日本語 🎉 a\tb\nc", "Café 日本語 🎉 a\tb\nc"),
    ("\x1b[2J\x1b]0;owned\x07\x9b31m", r"\x1b[2J\x1b]0;owned\x07\x9b31m"),
    ("right\r wrong \x08\x7f\x00", r"right\r wrong \x08\x7f\x00"),
    ("\u202egnp.exe\u2066\u200f\ud800", r"\u202egnp.exe\u2066\u200f\ud800"),
    ("at https://me:se:c@ret@host.org/a@b?c=d@e", "at https://***@host.org/a@b?c=d@e"),
    ("http://h/?q=1&api_key=s%2Bk&page=2", "http://h/?q=1&api_key=***&page=2"),
    ("?Token=a;OPENAI_API_KEY=b&amp;X-Amz-Signature=c#access_token=d",
     "?Token=***;OPENAI_API_KEY=***&amp;X-Amz-Signature=***#access_token=***"),
    ("?key=AIzaSyD-9tSrke72PouQMnMX", "?key=***"),
    ("?key=conf/isca/SmithJonesMiller20&tokens=3", "?key=conf/isca/SmithJonesMiller20&tokens=3"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SHOWN)
def test_what_a_terminal_would_obey_and_what_an_address_hides_is_not_shown(text, expected):
    assert shown(text) == shown(shown(text)) == expected
    error = CollectError(text, where=text, hint=text)
    assert {error.what, error.where, error.hint, *error.args} == {expected}
    assert Rejection("list", text, "bad_row", text) == Rejection(
        "list", expected, "bad_row", expected
    )


def test_a_line_of_others_is_one_line():
    assert one_line(" a\n2026-01-01 ERROR\r\n b\x1b ") == r"a 2026-01-01 ERROR b\x1b"


def test_the_keys_of_an_address():
    url = "https://h.org/p?a=1&token=s%2Bk&b=2&sig=xyz#top"
    assert keys_in(url) == ["s%2Bk", "s+k", "xyz", "xyz"]
    assert without_keys(url) == "https://h.org/p?a=1&b=2#top"
    assert without_keys("https://h.org/p?token=x") == "https://h.org/p"
    assert without_keys("https://h.org/p?a=1&&b=?") == "https://h.org/p?a=1&&b=?"
    assert has_user("x https://me@h.org/") and not has_user("https://h.org/@me?mail=a@b")


WORST = ["://", "://a@", "a@", "?key=", "&token=", "?a_", "&a-", "?x-amz-", "?abc_token=", "&;"]


@pytest.mark.parametrize("text", [*WORST, "://" + "a" * 10**6, "?" + "a" * 10**6])
def test_it_takes_time_in_proportion(text):
    text = (text * (10**6 // len(text) + 1))[: 10**6] + " "
    start = time.process_time()
    for function in (shown, one_line, has_user, keys_in, without_keys):
        function(text)
    assert time.process_time() - start < 5
