"""JATS into text, on small inputs of the shapes that publishers deposit."""

import json
import os
import re
from pathlib import Path

import pytest

from papertune.collect.texts.text import text_of

MATH = 'xmlns:mml="http://www.w3.org/1998/Math/MathML"'


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<jats:title>Abstract</jats:title><jats:p>We show.</jats:p>", "We show."),
        ("<jats:title>Zusammenfassung</jats:title><jats:p>Wir zeigen.</jats:p>", "Wir zeigen."),
        ("<jats:p>Abstract</jats:p><jats:p>We show.</jats:p>", "We show."),
        ("<title>Summary</title><p>We <italic>do</italic> show.</p>", "We do show."),
        (
            "<jats:title>Abstract</jats:title><jats:sec><jats:title>Background</jats:title><jats:p>"
            "One.</jats:p></jats:sec><jats:sec><jats:title>Methods:</jats:title><jats:p>Two.</jats:p>"
            "</jats:sec>",
            "Background: One. Methods: Two.",
        ),
        (
            "<jats:title>What Small Models Read</jats:title><jats:p>They read.</jats:p>",
            "What Small Models Read They read.",
        ),
        (
            "<jats:p>We find:<jats:list list-type='bullet'><jats:list-item><jats:label>1.</jats:label>"
            "<jats:p>speed,</jats:p></jats:list-item><jats:list-item><jats:p>ease.</jats:p>"
            "</jats:list-item></jats:list></jats:p>",
            "We find: 1. speed, ease.",
        ),
        (
            "<jats:p>H<jats:sub>2</jats:sub>O at 10<jats:sup>5</jats:sup> Pa</jats:p>",
            "H2O at 10^5 Pa",
        ),
        (
            "<jats:p>by <jats:xref ref-type='bibr'>Ada</jats:xref>, and so on</jats:p>",
            "by Ada, and so on",
        ),
        ("<jats:p>size <jats:inline-graphic xlink:href='a.png' />, more</jats:p>", "size , more"),
        ("<jats:p>kept<jats:fn><jats:p>a note</jats:p></jats:fn> text</jats:p>", "kept text"),
        ("<jats:p>p<q and p < 0.05 & q>1</jats:p>", "p<q and p < 0.05 & q>1"),
        (
            "<jats:p>5&nbsp;&micro;m &amp; p &lt; 0.1 &nosuch; &#233;</jats:p>",
            "5 µm & p < 0.1 &nosuch; é",
        ),
        ("&lt;jats:p&gt;Escaped as a whole.&lt;/jats:p&gt;", "Escaped as a whole."),
        ("<jats:p>never <jats:bold>closed</jats:p>", "never closed"),
        ("<jats:p>a comment <!-- not --> here</jats:p>", "a comment here"),
        ("", ""),
    ],
)
def test_text_of(markup, text):
    assert text_of(markup) == text


@pytest.mark.parametrize(
    "formula",
    [
        # TeX beside MathML, in either order
        "<jats:inline-formula><jats:alternatives><jats:tex-math>$k_{1}$</jats:tex-math><mml:math "
        f"{MATH}><mml:msub><mml:mi>k</mml:mi><mml:mn>1</mml:mn></mml:msub></mml:math>"
        "</jats:alternatives></jats:inline-formula>",
        f"<jats:inline-formula><jats:alternatives><mml:math {MATH}><mml:msub><mml:mi>k</mml:mi>"
        "<mml:mn>1</mml:mn></mml:msub></mml:math><jats:tex-math>$$k_{1}$$</jats:tex-math>"
        "</jats:alternatives></jats:inline-formula>",
        # a LaTeX document for every formula
        "<jats:inline-formula><jats:tex-math>\\documentclass[12pt]{minimal} \\usepackage{amsmath}\n"
        "\\begin{document}$$k_{1}$$\\end{document}</jats:tex-math></jats:inline-formula>",
        # without prefixes
        '<inline-formula><tex-math notation="LaTeX">$k_{1}$</tex-math></inline-formula>',
    ],
)
def test_a_formula_is_said_once_and_as_tex(formula):
    assert text_of(f"<jats:p>at {formula} steps</jats:p>") == "at $k_{1}$ steps"


def test_a_formula_without_tex_is_read():
    markup = (
        f"<jats:p>up to <mml:math {MATH}><mml:msup><mml:mn>10</mml:mn><mml:mn>9</mml:mn></mml:msup>"
        "</mml:math> cells and <math><mi>n</mi><mo>&lt;</mo><mi>m</mi></math> more</jats:p>"
    )
    assert text_of(markup) == "up to 10^9 cells and n < m more"


@pytest.mark.parametrize("markup", ["<" * 5000, "<jats:p>" * 3000, "&" * 999, "\x00\x0b<jats:p>x"])
def test_rubbish_does_no_harm(markup):
    text_of(markup)


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
