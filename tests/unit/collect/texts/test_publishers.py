"""Small pages of the shapes that publishers have used over the years, and what stands around."""

from __future__ import annotations

import json

import pytest

from papertune.collect.texts.abstracts import Found, best_abstract, find_abstract

ONE = "We ask whether a small model gains from reading the pages that it is asked about."
TWO = "On three venues it does, and the gain survives a change of question writer in every case."
TEXT = f"{ONE} {TWO}"
OTHER = (
    "The recommended work measures something else entirely, on other pages than ours, and nobody "
    "who asks for this paper wants to read about it at all."
)
URL = "https://journal.example/paper/1"


def page(body: str, head: str = "", title: str = "T") -> str:
    head = f'<title>{title}</title><meta name="citation_title" content="{title}">{head}'
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"


def xplore(**fields: object) -> str:
    return f"<script>\nvar xplGlobal = {{}};\nxplGlobal.document.metadata={json.dumps(fields)};\n</script>"


PAGES = {
    "ieee of 2020, sections first": (
        "https://ieeexplore.ieee.org/document/1",
        page(
            '<script>global.document.metadata={"sections":{"abstract":"true"},"abstract":'
            f"{json.dumps(TEXT)}}};</script>",
            f'<meta property="og:description" content="{TEXT[:100]}...">',
        ),
        "publisher:ieee",
    ),
    "ieee of 2024": (
        "https://ieeexplore.ieee.org/document/1",
        page(
            xplore(userInfo={"institute": False}, abstract=TEXT, sections={"abstract": "true"})
            + "<div id='LayoutWrapper'><xpl-root></xpl-root></div>"
        ),
        "publisher:ieee",
    ),
    "ieee, rendered": (
        "https://ieeexplore.ieee.org/document/1",
        page(
            '<div class="abstract-text row"><div class="col-12"><div class="u-mb-1"><h2>Abstract:'
            f"</h2> <div xplmathjax>{TEXT}</div></div></div></div>"
            '<div class="stats-document-abstract-publishedIn"><strong>Published in:</strong> x</div>'
        ),
        "publisher:ieee",
    ),
    "acm before 2020": (
        "https://dl.acm.org/citation.cfm?id=1",
        page(
            '<div class="flatbody"><a name="abstract"></a><h1 class="small">ABSTRACT</h1>'
            f'<div style="display:inline"><p>{ONE}</p><p>{TWO}</p></div></div>'
        ),
        "section",
    ),
    "acm of 2020": (
        "https://dl.acm.org/doi/10.1145/1",
        page(
            '<div class="article__section article__abstract hlFld-Abstract"><div class="x"><h2 id="d1"'
            ' class="section__title">ABSTRACT</h2></div><div class="left-side-image"><img src="x">'
            f'</div><div class="abstractSection abstractInFull"><p>{ONE}</p><p>{TWO}</p></div></div>'
            f'<div class="recommended-articles"><div class="abstractSection abstractInFull"><p>{OTHER}'
            "</p></div></div>"
        ),
        "publisher:acm",
    ),
    "acm of 2024": (
        "https://dl.acm.org/doi/10.1145/1",
        page(
            '<section id="abstract" property="abstract" typeof="Text" role="doc-abstract"><h2 '
            'property="name">Abstract</h2><div role="paragraph">'
            f'{ONE}</div><div role="paragraph">{TWO}</div></section>'
            '<section id="supplementary-materials"><h2>Supplemental Material</h2></section>'
        ),
        "publisher:acm",
    ),
    "springer of 2012": (
        "https://link.springer.com/article/1",
        page(
            '<div class="abstract-content formatted"><a name="abstract"></a><h2>Abstract</h2>'
            f'<p class="a-plus-plus">{ONE} {TWO}</p></div><div class="KeywordGroup"><h2>Key words</h2>'
            "<p>one two</p></div>"
        ),
        "publisher:springer",
    ),
    "springer of 2017": (
        "https://link.springer.com/chapter/1",
        page(
            '<section class="Abstract" id="Abs1" tabindex="-1" lang="en"><h2 class="Heading">Abstract'
            f'</h2><p class="Para">{ONE}</p><p class="Para">{TWO}</p></section>'
            '<div class="KeywordGroup" lang="en"><h2 class="Heading">Keywords</h2><span>a</span></div>'
        ),
        "publisher:springer",
    ),
    "springer of 2024": (
        "https://link.springer.com/chapter/1",
        page(
            '<div class="c-article-main l-with-sidebar"><section aria-labelledby="Abs1" '
            'data-title="Abstract" lang="en"><div class="c-article-section" id="Abs1-section"><h2 '
            'class="c-article-section__title" id="Abs1">Abstract</h2><div '
            f'class="c-article-section__content" id="Abs1-content"><p>{TEXT}</p><h3 '
            'class="c-article__sub-heading">Keywords</h3><ul><li>one</li><li>two</li></ul>'
            "</div></div></section></div>"
        ),
        "publisher:springer",
    ),
    "usenix": (
        "https://www.usenix.org/conference/x/presentation/y",
        page(
            '<div class="field field-name-field-paper-people-text"><p>A. Author</p></div><div class="'
            'field field-name-field-paper-description field-type-text-long field-label-above"><div '
            f'class="field-label">Abstract:&nbsp;</div><div class="field-items"><p>{ONE}</p><p>{TWO}'
            '</p></div></div><div class="group-open-access-content"><h2>Open Access Media</h2><p>The '
            "association is committed to open access to the research presented at events.</p></div>"
        ),
        "publisher:usenix",
    ),
    "arxiv, listing of 2010": (
        "https://arxiv.org/abs/1001.0001",
        page(f'<blockquote class="abstract">\n<span class="descriptor">Abstract:</span> {TEXT}\n'),
        "publisher:arxiv",
    ),
    "openreview, rendered": (
        "https://openreview.net/forum?id=1",
        page(
            '<div class="note-content"><div><strong class="note-content-field">Keywords:</strong> '
            '<span class="note-content-value">one, two</span></div><div><strong '
            'class="note-content-field">TL;DR:</strong> <span class="note-content-value '
            f'markdown-rendered"><p>{OTHER}</p></span></div><div><strong class="note-content-field">'
            'Abstract:</strong> <span class="note-content-value markdown-rendered"><p>'
            f"{TEXT}</p></span></div></div>"
        ),
        "publisher:openreview",
    ),
    "openreview, data": (
        "https://openreview.net/forum?id=1",
        page(
            '<script id="__NEXT_DATA__" type="application/json">'
            + json.dumps(
                {
                    "props": {
                        "pageProps": {
                            "forumNote": {
                                "content": {
                                    "title": {"value": "T"},
                                    "abstract": {"value": TEXT},
                                }
                            }
                        }
                    }
                }
            )
            + "</script>"
        ),
        "script:json",
    ),
    "neurips of 2019": (
        "https://papers.nips.cc/paper/1",
        page(f'<h3>Abstract</h3>\n<p class="abstract">{TEXT}</p>\n</div>'),
        "publisher:neurips",
    ),
    "neurips of 2021": (
        "https://proceedings.neurips.cc/paper/2021/hash/1-Abstract.html",
        page(f"<h4>Authors</h4><p>A. B.</p><h4>Abstract</h4><p><p>{ONE}</p><p>{TWO}</p></p>"),
        "section",
    ),
    "neurips of 2024": (
        "https://proceedings.neurips.cc/paper_files/paper/1",
        page(
            '<section class="paper-section"><h2 class="section-label">Abstract</h2><p '
            f'class="paper-abstract"><p>{TEXT}</p></p></section><h4>Name Change Policy</h4><p>{OTHER}'
        ),
        "section",
    ),
    "ijcai of 2016": (
        "https://www.ijcai.org/Abstract/16/001",
        page(
            '<div id="content"><h3>A Title / 12</h3><p><i>Anna Author, Ben Writer</i></p>'
            f'<p>{TEXT}</p><p><a href="x.pdf">PDF</a></p></div>'
        ),
        "publisher:ijcai",
    ),
    "ijcai of 2022": (
        "https://www.ijcai.org/proceedings/2022/1",
        page(
            '<div class="container-fluid proceedings-detail"><div class="row"><div class="col-md-12">'
            f'{TEXT}</div><div class="col-md-12"><div class="keywords">Keywords: x</div></div></div>'
        ),
        "publisher:ijcai",
    ),
    "acl": (
        "https://aclanthology.org/2021.x-main.1/",
        page(
            '<div class="card-body acl-abstract"><h5 class="card-title">Abstract</h5><span>'
            f'{TEXT}</span></div><form><div class="modal-body"><label>Abstract</label><small>Correct '
            "abstract if needed. Retain XML formatting tags such as bold and others.</small></div>"
        ),
        "publisher:acl",
    ),
    "pmlr": (
        "https://proceedings.mlr.press/v1/a.html",
        page(
            f'<h4>Abstract</h4>\n<div id="abstract" class="abstract">\n{TEXT}\n</div>'
            '<div id="info"><h4>Cite this Paper</h4><pre>@InProceedings{x, abstract = {'
            f"{TEXT}}}}}</pre></div>"
        ),
        "publisher:pmlr",
    ),
    "sciencedirect of 2014": (
        "https://www.sciencedirect.com/science/article/pii/1",
        page(
            '<div class="abstract svAbstract graphical"><h2>Graphical abstract</h2><p>Figure options'
            f" and a sentence that is no abstract at all, just so.</p></div><div class='abstract "
            f"svAbstract ' data-etype='ab'><h2 class='secHeading'>Abstract</h2><p>{TEXT}</p></div>"
        ),
        "publisher:sciencedirect",
    ),
    "sciencedirect of 2022": (
        "https://www.sciencedirect.com/science/article/pii/1",
        page(
            '<div class="Abstracts u-font-serif" id="abstracts"><div class="abstract author-highlights" '
            'id="abs1"><h2 class="section-title">Highlights</h2><div><p>•One highlight that stands for '
            'a sentence of the paper.</p><p>•Another one.</p></div></div><div class="abstract author" '
            f'id="abs2"><h2 class="section-title">Abstract</h2><div id="s"><p>{TEXT}</p></div></div>'
            '<div class="abstract graphical" id="abs3"><h2>Graphical abstract</h2><p>Download: Download '
            "high-res image (100KB)</p></div></div>"
        ),
        "publisher:sciencedirect",
    ),
    "wiley of 2014": (
        "https://onlinelibrary.wiley.com/doi/1/abstract",
        page(
            '<div id="abstract"><h3>Abstract</h3><div class="para"><p>'
            f"{TEXT}</p></div></div><div id='keywords'><h3>Keywords</h3></div>"
        ),
        "publisher:wiley",
    ),
    "wiley of 2022": (
        "https://onlinelibrary.wiley.com/doi/1",
        page(
            '<div class="abstract-group"><section class="article-section article-section__abstract" '
            'lang="en" data-lang="en" id="section-1-en"><h2 class="article-section__header">Abstract'
            f'</h2><div class="article-section__content en main"><p>{TEXT}</p></div></section><section '
            'class="article-section article-section__abstract" id="abstract-graphical-section"><h2>'
            'Graphical Abstract</h2><div class="article-section__content"><p>A picture of a model that '
            "reads pages and answers.</p></div></section></div>"
        ),
        "publisher:wiley",
    ),
    "wiley, graphical abstract first": (
        "https://onlinelibrary.wiley.com/doi/1",
        page(
            '<div class="abstract-group"><section class="article-section article-section__abstract"><h3 '
            'class="article-section__header">Graphical Abstract</h3><div class="article-section__content'
            f'"><p>{OTHER}</p></div></section><section class="article-section article-section__abstract">'
            f'<h3>Abstract</h3><div class="article-section__content"><p>{TEXT}</p></div></section></div>'
        ),
        "publisher:wiley",
    ),
    "taylor and francis of 2013": (
        "https://www.tandfonline.com/doi/abs/1",
        page(
            '<div class="hlFld-Abstract"><a name="abstract"></a><div class="sectionInfo '
            'abstractSectionHeading"><div class="sectionHeading">Abstract</div></div><div '
            f'class="abstractSection abstractInFull"> <p>{TEXT}</p></div></div>',
            '<meta property="og:description" content="(2013). A title of a paper. A Journal: Vol. 1, '
            'pp. 1-9."><meta name="dc.Description" content="We ask whether a small mo...">',
        ),
        "publisher:tandfonline",
    ),
    "taylor and francis of 2023": (
        "https://www.tandfonline.com/doi/full/1",
        page(
            '<div class="hlFld-Abstract"><p class="fulltext"></p><div class="abstractSection '
            'abstractInFull"><h2 class="section-heading-2" id="abstract">ABSTRACT</h2><p>'
            f'{ONE}</p><p>{TWO}</p></div></div><div class="abstractKeywords"><div '
            'class="hlFld-KeywordText"><p class="kwd-title">KEYWORDS:</p><a>one</a></div></div>'
        ),
        "publisher:tandfonline",
    ),
    "iop": (
        "https://iopscience.iop.org/article/1",
        page(
            '<div class="article-abstract"><h2>Abstract</h2>0953-8984/30/39/394002 <div '
            f'class="article-text wd-jnl-art-abstract cf" itemprop="description"><p>{ONE}</p><p>{TWO}</p>'
            "</div><p><small>Export citation and abstract</small> <a>BibTeX</a> <a>RIS</a></p></div>"
        ),
        "publisher:iop",
    ),
    "hal": (
        "https://hal.science/hal-1",
        page(
            '<div class="abstract col-lg-7"><div><h4> Abstract </h4><div class="btn-group"><button '
            f'class="btn btn-lang-abstract">en</button></div></div><div class="abstract-content">{TEXT}',
            f'<meta name="citation_abstract" content="{TEXT}">',
        ),
        "meta:citation_abstract",
    ),
    "project euclid": (
        "https://projecteuclid.org/journals/1",
        page(
            f'<div id="divARTICLECONTENTTop"><div class="panel-body">{TEXT}</div></div>',
            f'<meta name="citation_abstract" content="&lt;p&gt;{ONE}&lt;/p&gt; &lt;p&gt;{TWO}&lt;/p&gt;">',
        ),
        "publisher:euclid",
    ),
    "ios press": (
        "https://content.iospress.com/articles/1",
        page(
            f'<div data-p13n-title="T" data-abstract="{TEXT}"></div><p class="metadata-entry"><span '
            'class="generated">Abstract: </span><span>We ask whe</span><span class="below-fold">ther</span>'
        ),
        "publisher:iospress",
    ),
    "ndss": (
        "https://www.ndss-symposium.org/ndss-paper/x/",
        page(
            '<div class="paper-data"><p><strong>Anna Author (Here), Ben Writer (There)</strong></p><p>'
            f"</p><p>{TEXT}</p></div>"
        ),
        "publisher:ndss",
    ),
    "a journal on OJS": (
        URL,
        page(
            f'<section class="item abstract"><h2 class="label">Abstract</h2><p>{TEXT}</p></section>'
            '<section class="item keywords"><h2>Keywords:</h2></section>'
        ),
        "section",
    ),
    "a heading in a table": (
        URL,
        page(f"<table><tr><td>Abstract</td><td>{TEXT}</td></tr><tr><td>Year</td><td>1</td></tr>"),
        "section",
    ),
    "bold in a paragraph": (URL, page(f"<p><b>Abstract:</b> {TEXT}</p><p>{OTHER}</p>"), "section"),
    "streamed data": (
        URL,
        page(
            "<script>self.__next_f.push([1,"
            + json.dumps('5:{"title":"T","abstract":' + json.dumps(TEXT) + "}")
            + "])</script>"
        ),
        "script:json",
    ),
    "data with recommended papers": (
        URL,
        page(
            '<script type="application/json">'
            + json.dumps(
                {
                    "related": [{"title": "Another", "abstract": OTHER}],
                    "paper": {"title": "T", "abstract": TEXT},
                }
            )
            + "</script>"
        ),
        "script:json",
    ),
    "a recommended paper before its own": (
        URL,
        page(
            f'<aside><h3>Abstract</h3><p>{OTHER}</p></aside><div class="related-articles"><div '
            f'class="abstract">{OTHER}</div></div><h1>T</h1><div class="abstract">{TEXT}</div>'
        ),
        "section",
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_shapes_of_publishers(name):
    url, html, found_by = PAGES[name]
    assert best_abstract(html, url) == Found(TEXT, found_by)


@pytest.mark.parametrize("name", [name for name in PAGES if name not in ("ndss", "ijcai of 2016")])
def test_shapes_are_known_without_their_address(name):
    _, html, _ = PAGES[name]
    found = find_abstract(html, "https://proxy.university.example/x")
    assert found is not None and found[0] == TEXT


STRUCTURED = (
    "Background: It was unknown. Methods: We asked two models. Results: It works well enough."
)


@pytest.mark.parametrize(
    "body",
    [
        '<div id="Abs1-content"><h3>Background</h3><p>It was unknown.</p><h3>Methods</h3><p>We asked '
        "two models.</p><h3>Results</h3><p>It works well enough.</p></div>",
        '<section class="abstract"><h2>Abstract</h2><div><h3>Background:</h3><p>It was unknown.</p></div>'
        "<div><h3>Methods:</h3><p>We asked two models.</p></div><div><h3>Results:</h3><p>It works well "
        "enough.</p></div><h3>Keywords</h3><p>one, two</p></section>",
        "<h2>Abstract</h2><h3>Background</h3><p>It was unknown.</p><h3>Methods</h3><p>We asked two models."
        "</p><h3>Results</h3><p>It works well enough.</p><h2>Introduction</h2><p>More.</p>",
        '<div class="abstract"><p><strong>Background:</strong> It was unknown.</p><p><b>Methods:</b>'
        " We asked two models.</p><p><b>Results:</b> It works well enough.</p></div>",
    ],
)
def test_structured_abstracts_keep_their_labels(body):
    found = best_abstract(page(body), URL)
    assert found is not None and found.text == STRUCTURED


def test_a_prefix_gives_way_to_the_fuller():
    html = page(f'<div class="abstract"><p>{ONE}</p><p>{TWO}</p></div>')
    html = html.replace("<title>", f'<meta name="citation_abstract" content="{ONE}"><title>')
    assert best_abstract(html, URL) == Found(TEXT, "section")


def test_what_follows_the_abstract_does_not_make_it_fuller():
    head = f'<meta name="citation_abstract" content="{TEXT}">'
    for tail in (
        "Keywords: model, page",
        "© 2021 The Authors",
        "Published in: A Venue 2020, pp. 1-9",
    ):
        html = page(f'<div class="abstract">{TEXT} {tail}</div>', head)
        assert best_abstract(html, URL) == Found(TEXT, "meta:citation_abstract")


@pytest.mark.parametrize("end", ["…", "...", " [...]", "... Read more", " …show more", ""])
def test_where_there_is_no_more_than_the_beginning_the_result_says_so(end):
    cut = TEXT[: 150 if end else 153]
    html = page("", f'<meta name="citation_abstract" content="{cut}{end}">')
    found = best_abstract(html, URL)
    assert found is not None and found.truncated
    assert found.text.startswith(cut[:140])
    assert find_abstract(html, URL) is None


def test_another_papers_abstract_does_not_replace_what_is_cut():
    head = f'<meta name="citation_abstract" content="{TEXT[:150]}…">'
    found = best_abstract(page(f'<div class="abstract">{OTHER}</div>', head), URL)
    assert found is not None and found.truncated


@pytest.mark.parametrize(
    "body",
    [
        '<div class="abstract">First page of PDF is shown here in place of an abstract.</div>',
        '<div class="abstract graphical"><h2>Graphical abstract</h2><p>A model reads pages and it '
        "answers questions about them well.</p></div>",
        "<h2>Abstract</h2><p>Click to increase image size. Click to decrease image size.</p>",
        "<h2>Abstract</h2><div><h3>Keywords</h3><p>models, pages, reading, asking, small things</p></div>",
        f'<div class="recommended"><h3>Abstract</h3><p>{OTHER}</p></div>',
        f'<h2>Related papers</h2><ul class="similar-papers"><li><div class="abstract">{OTHER}</div></ul>',
        f"<script>x = {json.dumps({'recommended': [{'title': 'Another one', 'abstract': OTHER}]})}</script>",
        f'<script type="application/ld+json">'
        f"{json.dumps({'@type': 'ScholarlyArticle', 'headline': 'Another one', 'abstract': OTHER})}</script>",
        "".join(f'<div class="abstract">{number}. {OTHER}</div>' for number in range(6)),
        '<div id="abstract"><p>This is a preview of subscription content, log in via an institution to '
        "check access to it.</p></div>",
    ],
)
def test_what_stands_in_an_abstracts_place(body):
    assert best_abstract(page(body), URL) is None


def test_a_sites_description_is_none_of_the_paper():
    title = "Small Models That Read Pages"
    site = "We present a place where all researchers of the world meet, and where they show what they do. "
    about = "We present small models and measure what they gain where they read pages before they answer. "
    for text, found_by in ((site * 2, None), (about * 2, "meta:description")):
        html = page("", f'<meta name="description" content="{text}">', title)
        found = best_abstract(html, URL)
        assert (found and found.found_by) == found_by
