"""The cascade of extractors on small pages in the layouts of publishers, and on saved pages."""

import json
import os
import re
from pathlib import Path

import pytest

from papertune.collect.texts.abstracts import Found, best_abstract
from papertune.collect.web.pages import challenge_of

ONE = "We ask whether a small model gains from reading the pages that it is asked about."
TWO = "On three venues it does, and the gain survives a change of question writer in every case."
TEXT = f"{ONE} {TWO}"
OTHER = (
    "The recommended work measures something else entirely, on other pages than ours, and nobody "
    "who asks for this paper wants to read about it at all."
)
STRUCTURED = (
    "Background: It was unknown. Methods: We asked two models. Results: It works well enough."
)
URL = "https://journal.example/paper/1"


def page(body: str, head: str = "", title: str = "T") -> str:
    head = f'<title>{title}</title><meta name="citation_title" content="{title}">{head}'
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"


def pages() -> dict[str, tuple[str, str, Found | None]]:
    """The pages of ``publisher_pages.html``: name → url, HTML and what is found in it."""
    saved = Path(__file__).with_name("publisher_pages.html").read_text()
    _, *parts = re.split(r"<!-- (.+?) \| (\S+) \| (\S+) -->\n", saved)
    words = {"{TEXT}": TEXT, "{ONE}": ONE, "{TWO}": TWO, "{OTHER}": OTHER}
    made: dict[str, tuple[str, str, Found | None]] = {}
    for name, url, found_by, html in zip(*(parts[n::4] for n in range(4)), strict=True):
        for word, text in words.items():
            html = html.replace(word, text)
        head, _, body = html.rpartition("</head>")
        found = Found(STRUCTURED if "structured" in name else TEXT, found_by)
        assert name not in made
        made[name] = url, page(body, head), found if found_by != "none" else None
    return made


PAGES = pages()


@pytest.mark.parametrize("name", PAGES)
def test_shapes_of_publishers(name):
    url, html, found = PAGES[name]
    best = best_abstract(html, url)
    assert (best if best and not best.truncated else None) == found
    # most are known without their address
    proxied = best_abstract(html, "https://proxy.university.example/x")
    if name not in ("ndss", "ijcai of 2016"):
        assert (proxied and proxied.text) == (best and best.text)


def test_a_publisher_is_known_by_what_the_page_says_of_itself():
    head = '<link rel="canonical" href="https://www.usenix.org/x">'
    html = page(f'<div class="field-name-field-paper-description">{TEXT}</div>', head)
    assert best_abstract(html, "https://mirror.example/x") == Found(TEXT, "publisher:usenix")
    # a host that only ends in the same letters is another one
    assert best_abstract(html.replace("www.usenix.org", "notusenix.org"), URL) is None
    assert best_abstract("", URL) is None


@pytest.mark.parametrize("end", ["…", "...", " [...]", "... Read more", " …show more", ""])
def test_where_there_is_no_more_than_the_beginning_the_result_says_so(end):
    cut = TEXT[: 150 if end else 153]
    # another paper's abstract does not replace it
    html = page(
        f'<div class="abstract">{OTHER}</div>',
        f'<meta name="citation_abstract" content="{cut}{end}">',
    )
    found = best_abstract(html, URL)
    assert found is not None and found.truncated
    assert found.text.startswith(cut[:140])


def test_a_sites_description_is_none_of_the_paper():
    title = "Small Models That Read Pages"
    site = "We present a place where all researchers of the world meet, and where they show what they do. "
    about = "We present small models and measure what they gain where they read pages before they answer. "
    for text, found_by in ((site * 2, None), (about * 2, "meta:description")):
        found = best_abstract(page("", f'<meta name="description" content="{text}">', title), URL)
        assert (found and found.found_by) == found_by


def test_a_description_that_is_cut_after_a_sentence_gives_its_paragraph():
    """Where nothing is called an abstract, only the page shows that the description is a beginning."""
    title = "Small Models That Read the Pages"
    beginning = f"We present small models that read the pages they are asked about. {ONE}"
    head = f'<meta name="description" content="{beginning}">'
    whole = page(f"<h2>Description</h2><div><p>{beginning} {TWO}</p></div>", head, title)
    assert best_abstract(whole, URL) == Found(f"{beginning} {TWO}", "paragraph")
    alone = page(f"<p>{beginning}</p><p>{OTHER}</p>", head, title)
    assert best_abstract(alone, URL) == Found(beginning, "meta:description")


def test_keywords_scripts_and_doubled_formulas_are_left_out():
    body = (
        '<section class="abstract"><h2>Abstract</h2><p>We bound <i>x</i><sub>2</sub> by '
        '<math><mi>n</mi><annotation encoding="application/x-tex">n</annotation></math> steps.</p>'
        "<p>It holds for all p&lt;q and more, as we show in the text below.</p>"
        '<script>alert("x")</script><div class="keywords">one, two</div></section>'
    )
    text = "We bound x2 by n steps. It holds for all p<q and more, as we show in the text below."
    assert best_abstract(page(body), URL) == Found(text, "section")


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
    def text_in(html: str, url: str) -> str:
        found = best_abstract(html, url)
        return found.text if found and not found.truncated else ""

    wrong = []
    for row in SAVED.strip().splitlines():
        name, host, begin, end = (part.strip() for part in row.split("|"))
        html = (Path(FIXTURES) / name).read_text(encoding="utf-8", errors="replace")
        text = text_in(html, f"https://{host}/1")
        fits = text.startswith(begin) and text.endswith(end) and bool(text) == bool(begin)
        if challenge_of(html) or not fits:
            wrong.append((name, text))
    for expected in Path(FIXTURES).glob("landing/*_Out.json"):
        if abstract := json.loads(expected.read_text()).get("abstract"):
            html = expected.with_name(expected.name.replace("_Out.json", ".html")).read_text()
            text = text_in(html, "https://unknown.example/")
            if re.sub(r"\W", "", text) != re.sub(r"<[^>]*>|\W", "", abstract):
                wrong.append((expected.name, text))
    for blocked in Path(FIXTURES).glob("blocked/*.html"):
        if not challenge_of(blocked.read_text()) or text_in(blocked.read_text(), URL):
            wrong.append((blocked.name, ""))
    assert not wrong
