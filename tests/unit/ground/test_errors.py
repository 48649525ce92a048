"""Text of strangers is made safe to show."""

import os
import time

import pytest

from papertune.errors import CollectError, has_user, keys_in, one_line, shown, without_keys
from papertune.records import Rejection
from processes import python

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


CARRY = (
    "token", "access_token", "insttoken", "pageToken", "sessionToken", "auth[token]", "secret",
    "client-secret", "clientSecret", "api_key", "API-KEY", "apikey", "hapikey", "app_key", "appkey",
    "api%5Fkey", "%61pi.key", "user_key", "wskey", "authkey", "auth_key", "subscription-key",
    "Ocp-Apim-Subscription-Key", "auth", "oauth", "http_auth", "authorization", "pass", "db_pass",
    "passphrase", "password", "user%5Bpassword%5D", "passwd", "pwd", "jwt", "sig", "Signature",
    "X-Amz-Signature", "X-Goog-Credential", "AWSAccessKeyId", "GoogleAccessId", "awsaccesskeyid",
)  # fmt: skip
MAY_CARRY = (
    "key",
    "sessionkey",
    "maps_key",
    "session",
    "session_id",
    "JSESSIONID",
    "PHPSESSID",
    "sid",
)
CARRY_NONE = (
    "author", "authors", "authority", "keyword", "keywords", "keys", "monkey", "tokens", "tokenizer",
    "token_type", "authType", "design", "assign", "passage", "passed", "bypass", "compass", "sigma",
    "significance", "secretary", "code", "id", "q", "side", "sessions",
)  # fmt: skip


@pytest.mark.parametrize("name", [*CARRY, *MAY_CARRY])
def test_a_name_says_that_a_parameter_carries_a_key(name):
    value = "s%2Bk-of-mine-12345" if name in CARRY else "5ecret_of.mine-12345"
    url = f"https://h.org/p?u=http://b.org/?{name}={value}&b=2"
    assert keys_in(url)[0] == value and shown(url) == url.replace(value, "***")
    assert without_keys(url) == "https://h.org/p?u=http://b.org/?b=2"
    assert (keys_in(f"?{name}=a/b") == []) == (name in MAY_CARRY)


@pytest.mark.parametrize("name", CARRY_NONE)
def test_another_parameter_is_shown(name):
    url = f"https://h.org/p?a=1&{name}=a-long-value-of-some-12345#{name}=2"
    assert keys_in(url) == [] and shown(url) == without_keys(url) == url


WORST = [
    "://", "://a@", "a@", "?key=", "&token=", "?a_", "&a-", "?x-amz-", "?abc_token=", "&;", "?a=",
    "?key=a", "&api_key=b", "?token=a&?", "&%61",
]  # fmt: skip


@pytest.mark.parametrize("text", [*WORST, "://" + "a" * 10**6, "?" + "a" * 10**6])
def test_it_takes_time_in_proportion(text):
    text = (text * (10**6 // len(text) + 1))[: 10**6] + " "
    start = time.process_time()
    for function in (shown, one_line, has_user, keys_in, without_keys):
        function(text)
    assert time.process_time() - start < 5


TALKS = """
from papertune.errors import run_command
run_command(lambda arguments: [print("line", n, flush={flush}) for n in range({lines})])
"""


@pytest.mark.parametrize(("lines", "flush"), [(100_000, False), (100_000, True), (1, False)])
def test_a_command_ends_quietly_where_nobody_reads_on(lines, flush):
    reading, writing = os.pipe()
    os.close(reading)
    process = python(TALKS.format(lines=lines, flush=flush), stdout=writing)
    os.close(writing)
    assert process.communicate(timeout=60)[1] == "" and process.returncode == 1
