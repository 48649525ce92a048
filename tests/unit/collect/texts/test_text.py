"""Formulas once, subscripts and powers readable, in pages, in JATS and in replies of APIs."""

import json
import os
import re
from pathlib import Path

import pytest

from papertune.collect.texts.abstracts import Found, best_abstract
from papertune.collect.texts.jats import text_of
from papertune.collect.texts.text import clean
from tables import rows

MATHML = "<math><msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup><mo>≤</mo><mi>n</mi></math>"
WITH_TEX = (
    "<math><semantics><mrow><msup><mi>n</mi><mn>2</mn></msup></mrow>"
    '<annotation encoding="application/x-tex">n^2</annotation></semantics></math>'
)
# MathML alone; with TeX beside it; MathJax 2 from the server and in the browser; MathJax 3;
# publishers' own; no formula at all
IN_PAGES = r"""
{MATHML} ⇒ x_i^2 ≤ n
<mml:math><mml:msup><mml:mi>n</mml:mi><mml:mn>2</mml:mn></mml:msup></mml:math> ⇒ n^2
<math><mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mi>c</mi></mfrac></math> ⇒ (a+b)/c
<math><msqrt><mi>n</mi></msqrt></math> ⇒ √(n)
<math><mi>O</mi><mo>&#x2061;</mo><mfenced><mi>n</mi></mfenced></math> ⇒ O(n)
<math><mover><mi>x</mi><mo>^</mo></mover></math> ⇒ x̂
<math><mi>𝑛</mi></math> ⇒ n
{WITH_TEX} ⇒ $n^2$
<math alttext="n^{2}"><mi>n</mi></math> ⇒ $n^{2}$
<math><semantics><mi>n</mi><annotation encoding="TeX">n</annotation></semantics></math> ⇒ n
<span class="katex"><span class="katex-mathml">{WITH_TEX}</span><span class="katex-html"
    aria-hidden="true"><span>n</span><span>2</span></span></span> ⇒ $n^2$
<script type="math/tex">n^2</script> ⇒ $n^2$
<span class="MathJax_Preview">n2</span><span class="MathJax"><nobr>n2</nobr><span
    class="MJX_Assistive_MathML">{MATHML}</span></span><script type="math/tex">n^2</script> ⇒ $n^2$
<span class="MathJax_Preview"></span><script type="math/mml">{MATHML}</script> ⇒ x_i^2 ≤ n
<mjx-container><mjx-math><mjx-mi>n</mjx-mi></mjx-math><mjx-assistive-mml>{MATHML}</mjx-assistive-mml>
    </mjx-container> ⇒ x_i^2 ≤ n
<inline-formula><tex-math notation="LaTeX">$G$</tex-math></inline-formula> ⇒ $G$
<span class="mathjax-tex">\(n^2\)</span> ⇒ \(n^2\)
<span class="inline-eqn"><span class="tex"><span class="texImage"><img alt="$n^2$"></span><script
    type="math/tex">n^2</script></span></span> ⇒ $n^2$
<span class="InlineEquation"><img src="x.gif" alt="$$n^2$$"></span> ⇒ $n^2$
<span class="NLM_disp-formula-image inline-formula"><noscript><img alt=""></noscript></span><span
    class="NLM_disp-formula inline-formula">{MATHML}</span> ⇒ x_i^2 ≤ n
10<sup>5</sup> ⇒ 10^5
10<sup>−3</sup> m<sup>2</sup> ⇒ 10^−3 m^2
H<sub>2</sub>O ⇒ H2O
x<sub>i</sub><sup>2</sup> ⇒ xi^2
the 5<sup>th</sup> ⇒ the 5th
earlier<sup>12</sup> ⇒ earlier12
Ca<sup>2+</sup> ⇒ Ca^2+
"""
GIVEN = r"""
so $p<q$ and q>r hold ⇒ so $p<q$ and q>r hold
for <math><mi>p</mi><mo>&lt;</mo><mi>q</mi></math> only ⇒ for p < q only
&lt;p&gt;so <i>x</i>&lt;sub&gt;2&lt;/sub&gt;&lt;/p&gt; ⇒ so x2
the eﬃcient ﬁnding ⇒ the efficient finding
<p>One.</p><p>Two.</p> ⇒ One. Two.
a <b and b> c ⇒ a <b and b> c
Abstract We ask ⇒ We ask
Abstract data types are ⇒ Abstract data types are
Abstract: We show ⇒ We show
ABSTRACT We show ⇒ We show
AbstractWe show ⇒ We show
Abstraction helps ⇒ Abstraction helps
Summary: short ⇒ short
<p>two &amp;amp; three</p> ⇒ two & three
"""
JATS = r"""
<jats:title>Zusammenfassung</jats:title><jats:p>Wir zeigen.</jats:p> ⇒ Wir zeigen.
<jats:p>Abstract</jats:p><jats:p>We show.</jats:p> ⇒ We show.
<jats:p>We show a thing, and it is large.</jats:p><jats:sec>
    <jats:title>Competing Interest Statement</jats:title><jats:p>None.</jats:p></jats:sec>
    ⇒ We show a thing, and it is large.
<jats:p>We show a thing, and it is large.</jats:p><jats:sec><jats:title>Lay Abstract</jats:title>
    <jats:p>It is.</jats:p></jats:sec> ⇒ We show a thing, and it is large.
<title>Summary</title><p>We <italic>do</italic> show.</p> ⇒ We do show.
<jats:title>Abstract</jats:title><jats:sec><jats:title>Aims</jats:title><jats:p>One.</jats:p></jats:sec>
    <jats:sec><jats:title>How it was done:</jats:title><jats:p>Two.</jats:p></jats:sec>
    ⇒ Aims: One. How it was done: Two.
<jats:title>What Small Models Read</jats:title><jats:p>They read.</jats:p> ⇒ What Small Models Read They read.
<jats:p>We find:<jats:list list-type='bullet'><jats:list-item><jats:label>1.</jats:label><jats:p>speed,
    </jats:p></jats:list-item><jats:list-item><jats:p>ease.</jats:p></jats:list-item></jats:list></jats:p>
    ⇒ We find: 1. speed, ease.
<jats:p>H<jats:sub>2</jats:sub>O at 10<jats:sup>5</jats:sup> Pa</jats:p> ⇒ H2O at 10^5 Pa
<jats:p><jats:italic>n</jats:italic><jats:sup><jats:italic>k</jats:italic></jats:sup></jats:p> ⇒ n^k
<jats:p>by <jats:xref ref-type='bibr'>Ada</jats:xref>, and so on</jats:p> ⇒ by Ada, and so on
<jats:p>size <jats:inline-graphic xlink:href='a.png' />, more</jats:p> ⇒ size , more
<jats:p>kept<jats:fn><jats:p>a note</jats:p></jats:fn> text</jats:p> ⇒ kept text
<jats:p>p<q and p < 0.05 & q>1</jats:p> ⇒ p<q and p < 0.05 & q>1
<jats:p>5&nbsp;&micro;m &amp; p &lt; 0.1 &nosuch; &#233;</jats:p> ⇒ 5 µm & p < 0.1 &nosuch; é
&lt;jats:p&gt;Escaped as a whole.&lt;/jats:p&gt; ⇒ Escaped as a whole.
<jats:p>never <jats:bold>closed</jats:p> ⇒ never closed
<jats:p>a comment <!-- not --> here</jats:p> ⇒ a comment here
<p>at <inline-formula><tex-math notation="LaTeX">$k_{1}$</tex-math></inline-formula></p> ⇒ at $k_{1}$
<jats:p>at <jats:inline-formula><jats:tex-math>\documentclass[12pt]{minimal} \usepackage{amsmath}\n
    \begin{document}$$k_{1}$$\end{document}</jats:tex-math></jats:inline-formula></jats:p> ⇒ at $k_{1}$
<jats:p>at <jats:inline-formula><jats:alternatives><jats:tex-math>$k_{1}$</jats:tex-math>{MATHML}
    </jats:alternatives></jats:inline-formula></jats:p> ⇒ at $k_{1}$
<jats:p>at <jats:inline-formula><jats:alternatives>{MATHML}<jats:tex-math>$$k_{1}$$</jats:tex-math>
    </jats:alternatives></jats:inline-formula></jats:p> ⇒ at $k_{1}$
<jats:p>so <jats:inline-formula>{MATHML}</jats:inline-formula> holds</jats:p> ⇒ so x_i^2 ≤ n holds
"""


def filled(table: str) -> list[tuple[str, str]]:
    return rows(table.replace("{MATHML}", MATHML).replace("{WITH_TEX}", WITH_TEX))


@pytest.mark.parametrize(("formula", "text"), filled(IN_PAGES))
def test_a_formula_in_a_page_is_said_once(formula, text):
    about = " steps is shown for all graphs that we know, and for some that we do not know."
    body = f'<div class="abstract"><h2>Abstract</h2><p>A bound of {formula}{about}</p></div>'
    found = best_abstract(f"<html><body>{body}</body></html>", "https://journal.example/1")
    assert found is not None and found.text == f"A bound of {text}{about}"


@pytest.mark.parametrize(("raw", "text"), filled(GIVEN))
def test_what_apis_give(raw, text):
    assert clean(raw) == text


def test_what_nobody_sees_goes():
    assert (
        clean("soft\u00adware, zero\u200bwidth, a\u2060b, \ufeffx") == "software, zerowidth, ab, x"
    )
    assert clean("شیب\u200cهای ی\u200cخ") == "شیب\u200cهای ی\u200cخ"  # they are spelt so
    assert clean("\u200cwe\u200cb") == "web"
    assert clean("Cafe\u0301 and\xa0 space, half \ud83d pair") == "Café and space, half pair"


@pytest.mark.parametrize(("markup", "text"), filled(JATS))
def test_jats(markup, text):
    assert text_of(markup) == text


@pytest.mark.parametrize(
    "markup",
    [
        *(
            "<" * 5000,
            "<jats:p>" * 3000,
            "<jats:fn>" * 30_000,
            "&" * 999,
            "<math>" * 20_000 + "</",
            "\x00\x0b<jats:p>x",
        ),
        *(f"{begin}{' ' * 30_000}" for begin in ("x<sup>", "<jats:sec><jats:title>", "<jats:fn>")),
    ],
)
def test_rubbish_does_no_harm(markup):
    text_of(markup)
    best_abstract(f"<h2>Abstract</h2><p>{markup[:60_000]}", "https://x.example/1")


def test_formulas_in_the_data_of_xplore():
    abstract = (
        'The topology of a graph \n<inline-formula><tex-math notation="LaTeX">$G$</tex-math>'
        "</inline-formula>\n can be <i>captured</i> by a matrix. <p>We need a <i>single</i> ordering.</p>"
    )
    html = f"<script>xplGlobal.document.metadata={json.dumps({'abstract': abstract})};</script>"
    text = "The topology of a graph $G$ can be captured by a matrix. We need a single ordering."
    assert best_abstract(html, "https://x.example/1") == Found(text, "publisher:ieee")


def node(name: str, *inside: dict[str, object] | str) -> dict[str, object]:
    """A part of ScienceDirect's data: XML as JSON."""
    if inside and all(isinstance(part, str) for part in inside):
        return {"#name": name, "_": "".join(map(str, inside))}
    parts = [node("__text__", part) if isinstance(part, str) else part for part in inside]
    return {"#name": name, "$$": parts}


def test_formulas_in_the_data_of_sciencedirect():
    highlights = node("abstract", node("simple-para", "One highlight of the paper is this one."))
    half = node("math", node("mfrac", node("mi", "n"), node("mn", "2")))
    said = ("A bound of ", half, " if p<q, for H", node("inf", "2"), "O and others.")
    titled = (node("section-title", "Background"), node("simple-para", *said))
    own = node("abstract", node("section-title", "Abstract"), node("abstract-sec", *titled))
    content = [highlights | {"$": {"class": "author-highlights"}}, own | {"$": {"class": "author"}}]
    html = f"<script>{json.dumps({'abstracts': {'content': content}})}</script>"
    text = "Background: A bound of n/2 if p<q, for H2O and others."
    assert best_abstract(html, "https://x.example/1") == Found(text, "publisher:sciencedirect")


# ---- saved answers of Crossref, where there are some ------------------------------------------

FIXTURES = os.environ.get("PAPERTUNE_FIXTURES", "")


@pytest.mark.skipif(not FIXTURES, reason="PAPERTUNE_FIXTURES names no folder of saved answers")
def test_saved_abstracts_have_no_markup_left():
    folder, texts = Path(FIXTURES, "crossref"), []
    for path in sorted(folder.glob("*.json")):
        message = json.loads(path.read_text(encoding="utf-8"))["message"]
        works = message.get("items", [message])
        texts += [text_of(work["abstract"]) for work in works if work.get("abstract")]
    assert len(texts) > 15
    for text in texts:
        assert not re.search(r"</|jats|^abstract", text, re.IGNORECASE)
        assert text[-1] in ".:", text[-30:]
    expected = list(folder.glob("*_out.txt"))
    assert expected
    for path in expected:
        markup = path.with_name(path.name.replace("_out.txt", ".xml")).read_text(encoding="utf-8")
        assert text_of(markup) == " ".join(path.read_text(encoding="utf-8").split())
