"""Scholarly listings over HTTP: what a server on loopback gives in place of a listing."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from papertune.collect.listings import acl, dblp, dblp_sparql, pmlr
from papertune.errors import CollectError
from papertune.study.settings.listings import (
    AclSource,
    AclXmlSource,
    DblpApiSource,
    DblpSparqlSource,
    PmlrSource,
)

CHALLENGES = {
    "Anubis": "<!doctype html><title>Making sure you're not a bot!</title>"
    '<script id="anubis_challenge" type="application/json">{}</script>',
    "Cloudflare": "<title>Just a moment...</title><script>window._cf_chl_opt={}</script>",
}
SPARQL = {"kind": "dblp_sparql", "streams": ["conf/x"]}


def listing(site, kind):
    """Path and listing function of a source that asks the site once."""
    if kind == "dblp":
        return "/toc2020", lambda s: dblp.read_contents(s, site.url("/toc{year}"), 2020)
    if kind == "dblp_api":
        source = DblpApiSource(kind=kind, query="x", url=site.url("/api"))
        return "/api?q=x&format=json&h=1000&f=0", lambda s: dblp.search(s, source, 2020)
    if kind == "dblp_sparql":
        source = DblpSparqlSource(**SPARQL, url=site.url("/sparql"))
        path = f"/sparql?{urlencode({'query': dblp_sparql.query_of(source, 2020)})}"
        return path, lambda s: dblp_sparql.list_documents(s, source, 2020)
    if kind == "acl_xml":
        source = AclXmlSource(kind=kind, path=site.url("/{year}.x.xml"))
        return "/2020.x.xml", lambda s: acl.list_xml(s, source, 2020)
    if kind == "acl":
        source = AclSource(kind=kind, url=site.url("/x-{year}/"))
        return "/x-2020/", lambda s: acl.list_pages(s, source, 2020)
    source = PmlrSource(kind="pmlr", volumes={2020: [9]}, url=site.url("/v{volume}/"))
    return "/v9/", lambda s: pmlr.read_volumes(s, source, 2020)


KINDS = ("dblp", "dblp_api", "dblp_sparql", "acl_xml", "acl", "pmlr")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("whose", CHALLENGES)
def test_a_challenge_with_status_200_is_a_failure_and_not_kept(site, polite, kind, whose):
    path, read = listing(site, kind)
    site.page(path, CHALLENGES[whose])
    session = polite()
    with pytest.raises(CollectError, match=f"a bot challenge .{whose}."):
        list(read(session))
    assert session.cache.read(site.url(path)) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["<html><title>Down</title><p>Maintenance.</p></html>", ""])
def test_any_other_page_is_a_failure_and_not_zero_papers(site, polite, kind, text):
    path, read = listing(site, kind)
    site.page(path, text)
    with pytest.raises(CollectError) as caught:
        list(read(polite()))
    assert caught.value.hint


def test_the_endpoint_is_asked_for_sparqls_json_and_once(site, polite):
    asked = []
    path, read = listing(site, "dblp_sparql")
    row = {"publ": "https://dblp.org/rec/conf/x/A", "title": "A.", "link": "https://e.example/a"}
    cells = {name: {"type": "literal", "value": value} for name, value in row.items()}
    answer = {"head": {"vars": list(row)}, "results": {"bindings": [cells]}}

    def reply(request):
        asked.append(request.headers["Accept"])
        body = json.dumps(answer).encode()
        return 200, {"Content-Type": "application/sparql-results+json"}, body

    site.answers[path] = reply
    session = polite()
    assert [item.title for item in read(session)] == ["A"]
    assert [item.title for item in read(session)] == ["A"]
    assert asked == ["application/sparql-results+json"]


def test_a_query_that_the_endpoint_refuses_is_told_what_to_do(site, polite):
    path, read = listing(site, "dblp_sparql")
    site.page(path, '{"exception": "Invalid SPARQL query"}', 400, Content_Type="application/json")
    with pytest.raises(CollectError, match="refuses the query") as caught:
        list(read(polite()))
    assert "PREFIX" in caught.value.hint
