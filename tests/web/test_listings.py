"""Scholarly listings over HTTP: what a server on loopback gives in place of a listing."""

from urllib.parse import urlencode

import pytest
from pydantic import TypeAdapter

from papertune.collect.listings import dblp_sparql
from papertune.collect.listings.listing import items
from papertune.errors import CollectError
from papertune.study.settings import Source

CHALLENGES = {
    "Anubis": "<!doctype html><title>Making sure you're not a bot!</title>"
    '<script id="anubis_challenge" type="application/json">{}</script>',
    "Cloudflare": "<title>Just a moment...</title><script>window._cf_chl_opt={}</script>",
}
# settings, and what they ask the site for
SOURCES = {
    "dblp": ({"url": "/toc{year}"}, "/toc2020"),
    "dblp_api": ({"url": "/api", "query": "x"}, "/api?q=x&format=json&h=1000&f=0"),
    "dblp_sparql": ({"url": "/sparql", "streams": ["conf/x"]}, "/sparql?"),
    "acl_xml": ({"path": "/{year}.x.xml"}, "/2020.x.xml"),
    "acl": ({"url": "/x-{year}/"}, "/x-2020/"),
    "pmlr": ({"url": "/v{volume}/", "volumes": {2020: [9]}}, "/v9/"),
}
every_kind = pytest.mark.parametrize("kind", SOURCES)


def listing(site, kind):
    """What a source asks the site for, and a function that lists it."""
    settings, path = SOURCES[kind]
    at = "path" if kind == "acl_xml" else "url"
    values = {"kind": kind, **settings, at: site.url(settings[at])}
    source = TypeAdapter(Source).validate_python(values)
    if kind == "dblp_sparql":
        path += urlencode({"query": dblp_sparql.query_of(source, 2020)})
    return path, lambda session: list(items(session, source, 2020))


@every_kind
@pytest.mark.parametrize("whose", CHALLENGES)
def test_a_challenge_with_status_200_is_a_failure_and_not_kept(site, polite, kind, whose):
    path, read = listing(site, kind)
    site.page(path, CHALLENGES[whose])
    session = polite()
    with pytest.raises(CollectError, match=f"a bot challenge .{whose}."):
        read(session)
    assert session.cache.read(site.url(path)) is None


@every_kind
@pytest.mark.parametrize("text", ["<html><title>Down</title><p>Maintenance.</p></html>", ""])
def test_any_other_page_is_a_failure_and_not_zero_papers(site, polite, kind, text):
    path, read = listing(site, kind)
    site.page(path, text)
    with pytest.raises(CollectError) as caught:
        read(polite())
    assert caught.value.hint


def test_the_endpoint_is_asked_for_sparqls_json_and_once_or_says_what_to_do(site, polite):
    path, read = listing(site, "dblp_sparql")
    row = {"publ": "https://dblp.org/rec/conf/x/A", "title": "A.", "link": "https://e.example/a"}
    cells = {name: {"type": "literal", "value": value} for name, value in row.items()}
    answer = {"head": {"vars": list(row)}, "results": {"bindings": [cells]}}
    refused = (400, {}, {"exception": "Invalid SPARQL query"})
    site.then(path, refused, (200, {"Content-Type": dblp_sparql.RESULTS}, answer))
    with pytest.raises(CollectError, match="refuses the query") as caught:
        read(polite())
    assert "PREFIX" in caught.value.hint
    for _ in range(2):
        assert [item.title for item in read(polite())] == ["A"]
    assert [one.headers["Accept"] for one in site.asked if one.target == path] == [
        dblp_sparql.RESULTS
    ] * 2
