"""A page that a listing needs and that cannot be fetched: the error says what to do."""

import pytest

from papertune.collect.steps import list_documents
from papertune.collect.web.advice import advice
from papertune.collect.web.transport import PageError
from papertune.errors import CollectError
from papertune.study.settings import Fetching
from papertune.study.settings.listings import DblpSource

URL = "https://dblp.example/2020.html"


@pytest.mark.parametrize(
    ("reason", "what", "named"),
    [
        ("http_404", "status 404", "browser"),
        ("http_403", "status 403", "kind: files"),
        ("http_503", "status 503", "later"),
        ("connection", "no connection", "https_proxy"),
        ("connection", "[SSL: CERTIFICATE_VERIFY_FAILED]", "REQUESTS_CA_BUNDLE"),
        ("timeout", "no answer within 30 s", "fetching.timeout"),
        ("another", "something else", "browser"),
    ],
)
def test_each_reason_has_its_advice(reason, what, named):
    assert named in advice(PageError(URL, reason, what))


def test_what_a_service_advises_stays():
    assert advice(PageError(URL, "http_403", "refused", hint="set the key")) == "set the key"


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("dblp.example/{year}.html", "https://"),
        ("http://127.0.0.1:9/{year}.html", "https_proxy"),
    ],
)
def test_a_listing_that_cannot_be_had_says_what_to_do(tmp_path, monkeypatch, url, named):
    monkeypatch.setenv("PAPERTUNE_CONTACT", "me@uni.example")
    fetching = Fetching(allow_hosts=["127.0.0.1:9"], retries=0)
    files = {name: tmp_path / name for name in ("output", "rejected", "cache")}
    with pytest.raises(CollectError) as told:
        list_documents(DblpSource(kind="dblp", url=url), fetching, 2020, **files)
    assert named in told.value.hint
    assert "HTTPConnection" not in told.value.what
