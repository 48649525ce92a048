"""Formulas once, indices and powers readable: in pages and in what APIs give."""

import json

import pytest

from papertune.collect.texts.abstracts import Found, best_abstract
from papertune.collect.texts.text import clean

MATHML = "<math><msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup><mo>≤</mo><mi>n</mi></math>"
WITH_TEX = (
    "<math><semantics><mrow><msup><mi>n</mi><mn>2</mn></msup></mrow>"
    '<annotation encoding="application/x-tex">n^2</annotation></semantics></math>'
)


def in_page(formula: str) -> str:
    """What a page makes of a formula within an abstract."""
    body = (
        f'<div class="abstract"><h2>Abstract</h2><p>A bound of {formula} steps is shown for all '
        "graphs that we know, and for some that we do not know.</p></div>"
    )
    found = best_abstract(f"<html><body>{body}</body></html>", "https://journal.example/1")
    assert found is not None
    begin, end = "A bound of ", " steps is shown for all graphs"
    assert found.text.startswith(begin) and end in found.text
    return found.text[len(begin) : found.text.index(end)]


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        # MathML alone
        (MATHML, "x_i^2 ≤ n"),
        (MATHML.replace("<math", "<mml:math").replace("</math", "</mml:math"), "x_i^2 ≤ n"),
        (
            "<math><mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mi>c</mi></mfrac></math>",
            "(a+b)/c",
        ),
        ("<math><msqrt><mi>n</mi></msqrt></math>", "√(n)"),
        ("<math><mi>O</mi><mo>\u2061</mo><mfenced><mi>n</mi></mfenced></math>", "O(n)"),
        ("<math><mover><mi>x</mi><mo>^</mo></mover></math>", "x̂"),
        ("<math><mi>𝑛</mi></math>", "n"),
        # with TeX beside it: that alone
        (WITH_TEX, "$n^2$"),
        (f'<math alttext="n^{{2}}">{MATHML[6:]}', "$n^{2}$"),
        (
            '<math><semantics><mi>n</mi><annotation encoding="TeX">n</annotation></semantics></math>',
            "n",
        ),
        (
            f'<span class="katex"><span class="katex-mathml">{WITH_TEX}</span><span class="katex-html" '
            'aria-hidden="true"><span>n</span><span>2</span></span></span>',
            "$n^2$",
        ),
        # MathJax 2 as the server sends it, and as the browser makes it
        ('<script type="math/tex">n^2</script>', "$n^2$"),
        (
            '<span class="MathJax_Preview">n2</span><span class="MathJax"><nobr>n2</nobr><span '
            f'class="MJX_Assistive_MathML">{MATHML}</span></span><script type="math/tex">n^2</script>',
            "$n^2$",
        ),
        (
            f'<span class="MathJax_Preview"></span><script type="math/mml">{MATHML}</script>',
            "x_i^2 ≤ n",
        ),
        # MathJax 3
        (
            "<mjx-container><mjx-math><mjx-mi>n</mjx-mi></mjx-math><mjx-assistive-mml>"
            f"{MATHML}</mjx-assistive-mml></mjx-container>",
            "x_i^2 ≤ n",
        ),
        # publishers' own
        (
            '<inline-formula><tex-math notation="LaTeX">$G$</tex-math></inline-formula>',
            "$G$",
        ),
        (r'<span class="mathjax-tex">\(n^2\)</span>', r"\(n^2\)"),
        (
            '<span class="inline-eqn"><span class="tex"><span class="texImage"><img alt="$n^2$"></span>'
            '<script type="math/tex">n^2</script></span></span>',
            "$n^2$",
        ),
        ('<span class="InlineEquation"><img src="x.gif" alt="$$n^2$$"></span>', "$n^2$"),
        (
            '<span class="NLM_disp-formula-image inline-formula"><noscript><img alt=""></noscript></span>'
            f'<span class="NLM_disp-formula inline-formula">{MATHML}</span>',
            "x_i^2 ≤ n",
        ),
        # no formula at all
        ("10<sup>5</sup>", "10^5"),
        ("10<sup>−3</sup> m<sup>2</sup>", "10^−3 m^2"),
        ("H<sub>2</sub>O", "H2O"),
        ("x<sub>i</sub><sup>2</sup>", "xi^2"),
        ("the 5<sup>th</sup>", "the 5th"),
        ("earlier<sup>12</sup>", "earlier12"),
        ("Ca<sup>2+</sup>", "Ca^2+"),
    ],
)
def test_a_formula_in_a_page_is_said_once(formula, text):
    assert in_page(formula) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (f"so <jats:inline-formula>{MATHML}</jats:inline-formula> holds", "so x_i^2 ≤ n holds"),
        (
            "so <jats:inline-formula><jats:alternatives><jats:tex-math>\\documentclass{minimal}"
            "\\begin{document}$$n^2$$\\end{document}</jats:tex-math><mml:math><mml:mi>n</mml:mi>"
            "</mml:math></jats:alternatives></jats:inline-formula> holds",
            "so $n^2$ holds",
        ),
        ("so $p<q$ and q>r hold", "so $p<q$ and q>r hold"),
        ("for <math><mi>p</mi><mo>&lt;</mo><mi>q</mi></math> only", "for p < q only"),
        ("&lt;p&gt;so <i>x</i>&lt;sub&gt;2&lt;/sub&gt;&lt;/p&gt;", "so x2"),
        ("the eﬃcient ﬁnding", "the efficient finding"),
        ("soft\u00adware, zero\u200bwidth, a\u2060b, \ufeffx", "software, zerowidth, ab, x"),
        ("<p>One.</p><p>Two.</p>", "One. Two."),
        (
            "<jats:title>Abstract</jats:title><jats:sec><jats:title>Background</jats:title><jats:p>It was."
            "</jats:p></jats:sec><jats:sec><jats:title>Methods:</jats:title><jats:p>We did.</jats:p>",
            "Background: It was. Methods: We did.",
        ),
        ("10<jats:sup>5</jats:sup> cells", "10^5 cells"),
        ("a <b and b> c", "a <b and b> c"),
        ("Abstract We ask", "We ask"),
        ("Abstract data types are", "Abstract data types are"),
        ("Abstract: We show", "We show"),
        ("ABSTRACT We show", "We show"),
        ("AbstractWe show", "We show"),
        ("Abstraction helps", "Abstraction helps"),
        ("Summary: short", "short"),
        ("<p>two &amp;amp; three</p>", "two & three"),
        ("Cafe\u0301 and\xa0 space, half \ud83d pair", "Café and space, half pair"),
    ],
)
def test_what_apis_give(raw, text):
    assert clean(raw) == text


def test_formulas_in_the_data_of_xplore():
    abstract = (
        'The topology of a graph \n<inline-formula><tex-math notation="LaTeX">$G$</tex-math>'
        "</inline-formula>\n can be <i>captured</i> by a matrix. <p>We need a <i>single</i> ordering.</p>"
    )
    html = f"<script>xplGlobal.document.metadata={json.dumps({'abstract': abstract})};</script>"
    assert best_abstract(html, "https://ieeexplore.ieee.org/document/1") == Found(
        "The topology of a graph $G$ can be captured by a matrix. We need a single ordering.",
        "publisher:ieee",
    )


def node(name: str, *inside: dict[str, object] | str) -> dict[str, object]:
    """A part of ScienceDirect's data: XML as JSON."""
    if inside and all(isinstance(part, str) for part in inside):
        return {"#name": name, "_": "".join(map(str, inside))}
    parts = [node("__text__", part) if isinstance(part, str) else part for part in inside]
    return {"#name": name, "$$": parts}


def test_formulas_in_the_data_of_sciencedirect():
    highlights = node("abstract", node("simple-para", "One highlight of the paper is this one."))
    half = node("math", node("mfrac", node("mi", "n"), node("mn", "2")))
    said = node(
        "simple-para", "A bound of ", half, " if p<q, for H", node("inf", "2"), "O and others."
    )
    part = node("abstract-sec", node("section-title", "Background"), said)
    own = node("abstract", node("section-title", "Abstract"), part)
    content = [highlights | {"$": {"class": "author-highlights"}}, own | {"$": {"class": "author"}}]
    state = json.dumps({"abstracts": {"content": content}})
    html = f'<script type="application/json">{state}</script>'
    assert best_abstract(html, "https://www.sciencedirect.com/science/article/pii/1") == Found(
        "Background: A bound of n/2 if p<q, for H2O and others.", "publisher:sciencedirect"
    )
