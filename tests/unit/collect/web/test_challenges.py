"""Challenges in place of a page, and the encoding of a page, whatever it declares."""

import pytest

from papertune.collect.web.pages import challenge_of, decoded
from tables import rows

WALLS = r"""
<title>Just a moment...</title><script>window._cf_chl_opt={}</script> ⇒ Cloudflare
<title>Access denied | a.example used Cloudflare to restrict access</title> ⇒ Cloudflare
<title>Making sure you&#39;re not a bot!</title> ⇒ Anubis
<html><script id="anubis_challenge" type="application/json">1</script> ⇒ Anubis
<title>Client Challenge</title><p>JavaScript is disabled ⇒ Fastly
<title>Request Rejected</title>The requested URL was rejected. Your support ID is: 1 ⇒ F5
<TITLE>Access Denied</TITLE><H1>Access Denied</H1>You don't have permission ⇒ Akamai
<title>x</title><p>Incapsula incident ID: 1-2</p> ⇒ Imperva
<title>Radware Captcha Page</title> ⇒ Radware
<title>Vercel Security Checkpoint</title> ⇒ Vercel
<title>JSTOR: Access Check</title> ⇒ PerimeterX
<title>x</title><form><div class='g-recaptcha'></div>Please verify ⇒ captcha
<p>Please verify that you are a human to go on.</p> ⇒ captcha
<title>x</title><p>Press &amp; Hold to confirm that you are a human</p> ⇒ captcha
<p>Your IP address has been blocked because of automated requests</p> ⇒ captcha
<title>ScienceDirect</title><h1>There was a problem providing the content you requested</h1> ⇒ Elsevier
<title>Cookie Absent</title><p>Your browser must accept cookies.</p> ⇒ cookies
<title>Error - Cookies Turned Off</title><p>This site needs cookies.</p> ⇒ cookies
<title>x</title><p>Please enable JS</p><script src="https://ct.captcha-delivery.com/c.js"></script> ⇒ DataDome
<title>Cookies required</title><p>Please enable cookies.</p> ⇒ cookies
<title>Verification Required</title><p>Please complete the challenge below.</p> ⇒ security check
<title>Security Verification</title><p>Please wait.</p> ⇒ security check
<p>Our systems have detected unusual traffic from your network ⇒ captcha
"""
PROSE = "We ask whether a small model gains from reading the pages it is asked about. "


@pytest.mark.parametrize(("html", "kind"), rows(WALLS))
def test_challenges_are_known(html, kind):
    assert challenge_of(html) == kind


@pytest.mark.parametrize(
    "html",
    [
        f"<h2>Abstract</h2><p>{PROSE}</p>",
        # a page behind Cloudflare, with a comment form that has a captcha
        "<script src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'></script>"
        f"<div class='g-recaptcha'></div><p>{PROSE * 20}</p>",
        "<title>CAPTCHA: Using Hard AI Problems for Security</title><div id=abstract></div>",
        "<title>Cookies Required: A Study of Bakers</title><div id=abstract></div>",
        f"<h1>A problem</h1><p>There was a problem providing the content you requested</p><p>{PROSE * 45}",
        f"<h2>Access denied: who reads pages?</h2><p>{PROSE}</p>",
        "<title>Access Denied: A History of Locks</title><div id=abstract></div>",
        '{"result": "verify that you are a human"}',
        "",
    ],
)
def test_ordinary_pages_are_no_challenge(html):
    assert challenge_of(html) == ""
    assert challenge_of(html, {"cf-mitigated": "challenge"}) == "Cloudflare"


@pytest.mark.parametrize(
    ("header", "inside", "coded"),
    [
        ("utf-8", "", "cp1252"),  # the header is wrong
        ("iso-8859-1", "", "utf-8"),  # wrong the other way round, as many servers are
        ("", "iso-8859-1", "utf-8"),
        ("undefined", "", "utf-8"),  # a codec that Python has to fail
        ("utf-16", "", "utf-8"),
        ("utf-16", "", "utf-16"),
        ("shift_jis", "utf-8", "utf-8"),
        ("", "", "cp1252"),
        ("", "", "utf-8-sig"),
    ],
)
def test_letters_are_read_however_a_page_says_that_they_are_coded(header, inside, coded):
    page = f'<meta charset="{inside}">We are naïve – for now.'
    media, body = f"text/html; charset={header}", page.encode(coded)
    assert decoded(body, media) == page
    torn = b"\xe2\x80" * (coded == "utf-8")  # it does not spoil the others
    assert decoded(body + torn, media).startswith(page)


def test_half_a_surrogate_pair_costs_its_character():
    assert decoded(b"a+2AA-b", "text/html; charset=utf-7") == "a\ufffdb"
