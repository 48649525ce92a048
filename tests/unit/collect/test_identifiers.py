"""One document has one id, however its DOI, arXiv number or URL is written."""

import hashlib

import pytest

from papertune.collect.identifiers import (
    address_in,
    arxiv_id,
    canonical_url,
    document_id,
    doi_of,
    host_of,
    located,
)
from tables import rows

DOIS = """
10.1145/3579371.AB
doi:10.1145/3579371.ab
DOI: 10.1145/3579371.ab
https://doi.org/10.1145/3579371.ab
http://dx.doi.org/10.1145/3579371.AB
https://www.doi.org/10.1145/3579371.ab
doi.org/10.1145/3579371.ab
https://doi.org/10.1145%2F3579371.ab
https://doi.org/10.1145/3579371.ab?src=x#top
https://dl.acm.org/doi/10.1145/3579371.ab
https://dl.acm.org/doi/abs/10.1145/3579371.AB
https://dl.acm.org/doi/10.1145/3579371.ab/full
10.1145/3579371.ab.
10.1145/3579371.ab/
10.1145/3579371.ab),
DOI 10.1145/3579371.ab
doi: https://doi.org/10.1145/3579371.AB
info:doi/10.1145/3579371.ab
urn:doi:10.1145/3579371.AB
DOI：10.1145/3579371.ab
<https://doi.org/10.1145/3579371.ab>
[10.1145/3579371.ab]
10.1145/\u200b3579371.ab
10.1145%2F3579371.AB
10.1145 / 3579371.ab
10.1145/3579371.ab (open access)
https://doi.org/doi:10.1145/3579371.ab
https://doi-org.library.example/10.1145/3579371.ab
https://dx.doi.org.library.example/10.1145/3579371.ab
10.1000.10/x/y ⇒ 10.1000.10/x/y
10.1016/s0140-6736(05)67889-6 ⇒ 10.1016/s0140-6736(05)67889-6
10.1002/a(2020) ⇒ 10.1002/a(2020)
https://doi.org/10.1002/(SICI)1<1::AID>3.0.CO;2-A ⇒ 10.1002/(sici)1<1::aid>3.0.co;2-a
https://doi.org/10.1002/(SICI)1%3C1::AID%3E3.0.CO;2-A ⇒ 10.1002/(sici)1<1::aid>3.0.co;2-a
10.1145/100%25 ⇒ 10.1145/100%25
https://doi.org/10.5555/1/full ⇒ 10.5555/1/full
"""
NUMBERS = """
http://arxiv.org/abs/2001.00001
https://arxiv.org/abs/2001.00001v2
https://arxiv.org/pdf/2001.00001.pdf
https://www.arxiv.org/pdf/2001.00001v2
https://export.arxiv.org/html/2001.00001/?x=1
arxiv.org/abs/2001.00001
arXiv:2001.00001
arXiv: 2001.00001v3.
https://doi.org/10.48550/arXiv.2001.00001
10.48550/ARXIV.2001.00001
10.48550/arXiv.2001.00001v2
arXiv:2001.00001 [cs.CL]
arXiv preprint arXiv:2001.00001
arXiv 2001.00001
oai:arXiv.org:2001.00001
https://arxiv.org/abs/arXiv:2001.00001
https://arxiv.org/pdf/2001.00001.pdf#page=3
https://arxiv.org/abs/2001.00001)
https://ar5iv.org/abs/2001.00001
https://ar5iv.labs.arxiv.org/html/2001.00001v1
https://ar5iv.org/2001.00001
https://www.alphaxiv.org/overview/2001.00001v1
https://alphaxiv.org/abs/2001.00001
https://huggingface.co/papers/2001.00001
https://hf.co/papers/2001.00001
https://www.semanticscholar.org/arxiv/2001.00001
https://api.semanticscholar.org/arXiv:2001.00001
http://xxx.lanl.gov/abs/hep-th/9901001 ⇒ hep-th/9901001
https://arxiv.org/abs/hep-th%2F9901001 ⇒ hep-th/9901001
http://arxiv.org/abs/hep-th/9901001v3 ⇒ hep-th/9901001
https://arxiv.org/abs/math.GT/0309136 ⇒ math/0309136
https://arxiv.org/abs/MATH/0309136 ⇒ math/0309136
"""
NEITHER = """
10.1/%3C
https://e.example/10.1145/x
10.1145/two words
10.1145/...
https://arxiv.org/list/cs.AR/2202
https://arxiv.org/abs/2202.121
https://notarxiv.org/abs/2202.12139
https://journal.example/abs/2202.12139
https://huggingface.co/models/2202.12139
2202.12139
https://arxiv.org/api/errors#incorrect_id
"""
CELLS = """
https://e.example/p/1
 //e.example/p/1
e.example/p/1
=HYPERLINK("https://e.example/p/1")
=HYPERLINK("https://e.example/p/1";"here")
[here](https://e.example/p/1)
[here](https://e.example/p/1 "title")
<https://e.example/p/1>
<a href="https://e.example/p/1" target="_blank">here</a>
https://e.example/p/1; https://f.example/2
https://e.example/p/1,https://f.example/2
https://e.example/p/1 www.f.example/2
www.e.example/p/1 ⇒ https://www.e.example/p/1
https://e.example/a b.pdf ⇒ https://e.example/a b.pdf
https://e.example/a,b;c|d ⇒ https://e.example/a,b;c|d
[10.1145/1](https://doi.org/10.1145/1) ⇒ https://doi.org/10.1145/1
2001.00001v2 ⇒ arxiv:2001.00001
abs/2001.00001 ⇒ arxiv:2001.00001
hep-th/9901001 ⇒ arxiv:hep-th/9901001
2013.00001 ⇒ 2013.00001
10.1002/(SICI)1<1::AID>3.0.CO;2-A ⇒ 10.1002/(SICI)1<1::AID>3.0.CO;2-A
doi: 10.1145/1 ⇒ doi: 10.1145/1
C:\\papers\\1.pdf ⇒ C:\\papers\\1.pdf
click here ⇒ click here
"""
HOSTS = """
https://A.example/x ⇒ a.example
http://a.example:80 ⇒ a.example
http://[broken ⇒
http://a.example:99999/ ⇒
file:///etc/passwd ⇒
"""


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize(("text", "doi"), rows(DOIS))
def test_a_doi_in_any_spelling_is_one_document(text, doi):
    doi = doi or "10.1145/3579371.ab"
    assert doi_of(text) == doi
    assert document_id(text) == sha(doi)
    for given in ((text, ""), ("", text), (text, "https://pages.example/1")):
        assert located(*given)[:2] == (sha(doi), doi)


@pytest.mark.parametrize(("text", "number"), rows(NUMBERS))
def test_an_arxiv_number_in_any_spelling_is_one_document(text, number):
    number = number or "2001.00001"
    assert arxiv_id(text) == number
    assert document_id(text) == sha(f"https://arxiv.org/abs/{number}")
    for given in ((text, ""), ("", text)):
        identity, doi, page = located(*given)
        assert identity == document_id(text)
        assert page in (f"https://arxiv.org/abs/{number}", f"https://doi.org/{doi}")
        assert doi.startswith("10.48550/arxiv.")


@pytest.mark.parametrize("text", [*NEITHER.strip().splitlines(), "10.1145/\ud800", ""])
def test_what_is_neither(text):
    assert doi_of(text) == arxiv_id(text) == ""
    assert arxiv_id("10.1145/2202.12139") == ""


@pytest.mark.parametrize(("text", "address"), rows(CELLS))
def test_a_cell_gives_an_address_in_the_forms_of_spreadsheets_and_notebooks(text, address):
    assert address_in(text) == (address or "https://e.example/p/1")


def test_any_other_address_is_its_canonical_url():
    assert document_id("HTTPS://X.Example:443/a/#top") == sha("https://x.example/a")
    assert document_id("https://x.example/a") != document_id("https://x.example/b")
    assert canonical_url("http://x.example:8080/A?b=1") == "http://x.example:8080/A?b=1"
    url = "https://x.example/a"
    assert located("", url) == (sha(url), "", url)
    assert located("n/a", "") == located("", "") == ("", "", "")


@pytest.mark.parametrize(("url", "host"), [*rows(HOSTS), ("https://a.example/\ud800", "")])
def test_hosts(url, host):
    assert host_of(url) == host
