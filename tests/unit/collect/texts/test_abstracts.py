"""The cascade of extractors on small pages of the shapes that publishers use."""

import json
import os
import re
from pathlib import Path

import pytest

from papertune.collect.texts.abstracts import find_abstract
from papertune.collect.web.challenges import challenge_of, decoded

TEXT = (
    "We ask whether a small model gains from reading the pages it is asked about. On three venues "
    "it does, and the gain survives a change of question writer by a wide margin in every case."
)
OTHER = "The cited work measures something else entirely, and it does so on other pages than ours."
URL = "https://journal.example/paper/1"


def page(head: str = "", body: str = "") -> str:
    return f"<!DOCTYPE html><html><head><title>T</title>{head}</head><body>{body}</body></html>"


LD = "application/ld+json"


def linked(data: object) -> str:
    return f'<script type="{LD}">{json.dumps(data)}</script>'


CASES = {  # a page, and who finds the abstract in it
    page("", f"<script>window.p = {json.dumps({'abstract': TEXT})}</script>"): "script:json",
    page(f'<meta name="citation_abstract" content="{TEXT}">'): "meta:citation_abstract",
    page(f'<meta name="DC.Description" content="{TEXT}">'): "meta:dc.description",
    page(f'<meta name="DCTERMS.abstract" content="{TEXT}">'): "meta:dcterms.abstract",
    page(linked({"@graph": [{"@type": "Article", "abstract": TEXT}]})): "json-ld:abstract",
    page(linked([{"@type": ["ScholarlyArticle"], "description": TEXT}])): "json-ld:description",
    page("", f"<h3>1. Abstract</h3><p>{TEXT}</p><h3>2. Introduction</h3><p>{OTHER}</p>"): "section",
    page("", f'<div id="paper-abstract"><b>Abstract.</b> {TEXT}</div>'): "section",
    page("", f"<div><div><h2>Abstract</h2></div><p>{TEXT}</p></div>"): "section",
    page("", f"<details><summary>Abstract</summary><p>{TEXT}</p></details>"): "section",
    page(f'<meta property="og:description" content="{TEXT}">'): "og:description",
}


@pytest.mark.parametrize(("html", "found_by"), CASES.items())
def test_each_extractor(html, found_by):
    assert find_abstract(html, URL) == (TEXT, found_by)


def test_a_publisher_is_known_by_what_the_page_says_of_itself():
    head = '<link rel="canonical" href="https://www.usenix.org/x">'
    html = page(head, f'<div class="field-name-field-paper-description">{TEXT}</div>')
    assert find_abstract(html, "https://mirror.example/x") == (TEXT, "publisher:usenix")
    # a host that only ends in the same letters is another one
    assert find_abstract(html.replace("www.usenix.org", "notusenix.org"), URL) is None


def test_surer_extractors_come_first_but_what_is_cut_off_gives_way_to_the_whole():
    for content, found in ((TEXT, "meta:citation_abstract"), (TEXT[:160] + "…", "section")):
        head = f'<meta name="citation_abstract" content="{content}">'
        head += f'<meta property="og:description" content="{OTHER} {OTHER}">'
        assert find_abstract(page(head, f"<h2>Abstract</h2><p>{TEXT}</p>"), URL) == (TEXT, found)


@pytest.mark.parametrize(
    "description",
    [
        TEXT[:160] + "…",
        TEXT[:157],
        "A. Author, B. Writer. Proceedings of the 2021 Conference of the Association for Things "
        "That Matter: Human Language Technologies and More. 2021.",
        "(2013). The perturbation revisited: origin of divergences. Molecular Things: Vol. 111, "
        "Special Issue: In Honour of Somebody Who Was Known to All, pp. 1092-1099.",
        "Journal of Things is a digital library of articles on every subject. Sign in to read the "
        "full text of this and of many other articles of our authors around the world.",
        "Founded in 1920, the bureau is a private, non-profit, non-partisan organization dedicated "
        "to conducting research and to disseminating findings among academics and others.",
    ],
)
def test_og_description_is_not_taken_where_it_is_no_abstract(description):
    html = page(f'<meta property="og:description" content="{description}">')
    assert find_abstract(html, URL) is None


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<html></html>",
        page("", "<h2>Abstract</h2><p>No abstract available for this very old article here.</p>"),
        page("", "<p>Abstract interpretation is a theory of sound approximation of programs.</p>"),
        page('<meta name="citation_abstract" content="">', '<div id="abstract"></div>'),
        page("", f"<script>x = {json.dumps([{'abstract': TEXT}, {'abstract': OTHER}])}</script>"),
        page(linked({"@type": "WebSite", "description": TEXT})),
        page(f'<script type="{LD}">{{broken</script>', '<script>\'"abstract": "x</script>'),
        "\x00\xff<<<>>" * 50,
    ],
)
def test_pages_without_an_abstract_give_none(html):
    assert find_abstract(html, URL) is None


def test_keywords_scripts_and_doubled_formulas_are_left_out():
    body = (
        '<section class="abstract"><h2>Abstract</h2><p>We bound <i>x</i><sub>2</sub> by '
        '<math><mi>n</mi><annotation encoding="application/x-tex">n</annotation></math> steps.</p>'
        "<p>It holds for all p&lt;q and more, as we show in the text below.</p>"
        '<script>alert("x")</script><div class="keywords">one, two</div></section>'
    )
    assert find_abstract(page("", body), URL) == (
        "We bound x2 by n steps. It holds for all p<q and more, as we show in the text below.",
        "section",
    )


@pytest.mark.parametrize(
    ("html", "kind"),
    [
        ("<title>Just a moment...</title><script>window._cf_chl_opt={}</script>", "Cloudflare"),
        ("<title>Making sure you&#39;re not a bot!</title>", "Anubis"),
        ('<html><script id="anubis_challenge" type="application/json">1</script>', "Anubis"),
        ("<title>Client Challenge</title><p>JavaScript is disabled", "Fastly"),
        ("<title>x</title><form><div class='g-recaptcha'></div>Please verify", "captcha"),
        ("<p>Please verify that you are a human to go on.</p>", "captcha"),
        (
            "<title>Request Rejected</title>The requested URL was rejected. Your support ID is: 1",
            "F5",
        ),
        ("<TITLE>Access Denied</TITLE><H1>Access Denied</H1>You don't have permission", "Akamai"),
        (
            "<title>Access denied | a.example used Cloudflare to restrict access</title>",
            "Cloudflare",
        ),
        ("<title>x</title><p>Incapsula incident ID: 1-2</p>", "Imperva"),
        ("<title>Radware Captcha Page</title>", "Radware"),
        ("<title>Vercel Security Checkpoint</title>", "Vercel"),
        ("<title>JSTOR: Access Check</title>", "PerimeterX"),
        ("<title>x</title><p>Press &amp; Hold to confirm that you are a human</p>", "captcha"),
        ("<p>Your IP address has been blocked because of automated requests</p>", "captcha"),
        ("<p>Our systems have detected unusual traffic from your network", "captcha"),
    ],
)
def test_challenges_are_known(html, kind):
    assert challenge_of(html) == kind


@pytest.mark.parametrize(
    "html",
    [
        page("", f"<h2>Abstract</h2><p>{TEXT}</p>"),
        # a page behind Cloudflare, with a comment form that has a captcha
        page(
            "<script src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'></script>",
            f"<div class='g-recaptcha'></div><p>{TEXT * 8}</p>",
        ),
        "<title>CAPTCHA: Using Hard AI Problems for Security</title><div id=abstract></div>",
        page("", f"<h2>Access denied: who reads pages?</h2><p>{TEXT}</p>"),
        "<title>Access Denied: A History of Locks</title><div id=abstract></div>",
        '{"result": "verify that you are a human"}',
        "",
    ],
)
def test_ordinary_pages_are_no_challenge(html):
    assert challenge_of(html) == ""
    assert challenge_of(html, {"cf-mitigated": "challenge"}) == "Cloudflare"


@pytest.mark.parametrize(
    ("body", "media", "text"),
    [
        ("é".encode(), "text/html", "é"),
        ("é".encode("latin-1"), "text/html; charset=iso-8859-1", "é"),
        ('<meta charset="latin-1">é'.encode("latin-1"), "text/html", '<meta charset="latin-1">é'),
        ("é".encode("cp1252"), "text/html", "é"),
        ("é".encode(), "text/html; charset=nonsense", "é"),
        (b"\xef\xbb\xbfx", "text/html", "x"),
    ],
)
def test_decoding(body, media, text):
    assert decoded(body, media) == text


# ---- saved pages of real publishers, where there are some -------------------------------------

FIXTURES = os.environ.get("PAPERTUNE_FIXTURES", "")
# file | host of its page | how its abstract begins and ends, where it has one
SAVED = """
acm/acm_3375627.3375832.html | dl.acm.org | The ethical concept | may be applied.
arxiv/arxiv_2006.05188_response-body.html | arxiv.org | Continual Learning (CL) | based approaches.
ieee/document-2020.html | ieeexplore.ieee.org | We develop a distributed | antennas per user.
landing/ijcai_page0.html | www.ijcai.org | Open-ended long-form | of our method.
landing/iospress_response-body.html | content.iospress.com | Move pruning | search algorithms.
landing/neurips_learner_aware.html | papers.nips.cc | Inverse reinforcement | teaching.
landing/papis_ACL_2021.naacl-main.208.html | aclanthology.org | When fine-tuning | classification tasks.
landing/papis_ACL_N04-1001.html | aclanthology.org |  |
landing/papis_hist_tandfonline_1.html | www.tandfonline.com | Contrarily to | correlation energies.
landing/papis_hist_wiley_1.html | onlinelibrary.wiley.com |  |
springer/SpringerLink_s10924_010_0192_1.html | link.springer.com | Amylose containing | the results.
springer/papis_hist_springer_1.html | link.springer.com | Amylose containing | the results.
usenix/USENIX_goyal.html | www.usenix.org | Effective congestion | long flows.
stackexchange/stackoverflow_10773880_1.html | stackoverflow.com |  |
stackexchange/stackoverflow_15163640_5.html | stackoverflow.com |  |
wikipedia/readability_wikipedia-3.html | en.wikipedia.org |  |
"""


@pytest.mark.skipif(not FIXTURES, reason="PAPERTUNE_FIXTURES names no folder of saved pages")
def test_saved_pages_of_publishers():
    wrong = []
    for row in SAVED.strip().splitlines():
        name, host, begin, end = (part.strip() for part in row.split("|"))
        url = f"https://{host}/1"
        html = (Path(FIXTURES) / name).read_text(encoding="utf-8", errors="replace")
        found = find_abstract(html, url)
        text = found[0] if found else ""
        fits = text.startswith(begin) and text.endswith(end) and bool(text) == bool(begin)
        if challenge_of(html) or not fits:
            wrong.append((name, found))
    for expected in Path(FIXTURES).glob("landing/*_Out.json"):
        abstract = json.loads(expected.read_text()).get("abstract")
        if abstract:
            html = expected.with_name(expected.name.replace("_Out.json", ".html")).read_text()
            found = find_abstract(html, "https://unknown.example/")
            letters = re.sub(r"<[^>]*>|\W", "", abstract)
            if not found or re.sub(r"\W", "", found[0]) != letters:
                wrong.append((expected.name, found))
    for blocked in Path(FIXTURES).glob("blocked/*.html"):
        if not challenge_of(blocked.read_text()) or find_abstract(blocked.read_text(), URL):
            wrong.append((blocked.name, None))
    assert not wrong
