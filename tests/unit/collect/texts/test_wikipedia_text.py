"""Text of wiki pages: from extracts, from HTML, and into sentences."""

import pytest

from papertune.collect.texts.wikipedia_text import (
    Section,
    sections_of_extract,
    sections_of_html,
    tidied,
    without_boilerplate,
)
from papertune.sentences import learned_splitter

EXTRACT = """A sluice is a gate that holds back water in a canal or a mill.
It is raised by hand.

== History ==

=== Early gates ===
The first gates were made of planks, as the records of the abbey show.

== See also ==
Weir
Lock (water navigation), a longer item that has many words in it after all

=== Related ===
This paragraph stands below a section that is left out.

== Uses ==
Mills
A mill needs a head of water.

== References ==
"""


def shown(sections: list[Section]) -> list[str]:
    return [f"{part.level} {part.heading}: {' | '.join(part.paragraphs)}" for part in sections]


def test_an_extract_has_its_sections_and_no_boilerplate():
    sections = sections_of_extract(EXTRACT)
    assert shown(without_boilerplate(sections)) == [
        "1 : A sluice is a gate that holds back water in a canal or a mill. | It is raised by hand.",
        "2 History: ",
        "3 Early gates: The first gates were made of planks, as the records of the abbey show.",
        "2 Uses: A mill needs a head of water.",
    ]
    assert [part.heading for part in without_boilerplate(sections, ["uses", "HISTORY"])] == [""]


def test_formulas_of_an_extract_are_their_tex():
    # the indentation is that of an extract, which spells a formula before its TeX
    b, fraction = (
        "\n".join(" " * indent + text for indent, text in lines)
        for lines in (
            [(2, ""), (4, ""), (6, ""), (8, "b"), (6, ""), (4, ""), (4, "{\\displaystyle b}"), (2, "")],
            [(2, ""), (8, "Q"), (8, "="), (10, ""), (12, "a"), (12, "b"), (6, ""),
             (4, "{\\displaystyle Q={\\frac {a}{b}}}"), (2, "")],
        )
    )  # fmt: skip
    text = (
        f"The flow through a sluice of width \n{b}\n is\n\n{fraction}\n, where {{a}} is constant."
    )
    [lead] = sections_of_extract(f"{text}\nIt is large.")
    assert lead.paragraphs == [
        "The flow through a sluice of width $b$ is $Q={\\frac {a}{b}}$, where {a} is constant.",
        "It is large.",
    ]
    # one that never ends takes no more than its line
    [lead] = sections_of_extract("We write {\\displaystyle {x for it.\nAnother line of the text.")
    assert lead.paragraphs[-1] == "Another line of the text."


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Ada Foo ( ) was a miller.", "Ada Foo was a miller."),
        ("Ada Foo (; German: Fu) was a miller.", "Ada Foo (German: Fu) was a miller."),
        ("Ada Foo (born 1820 ; ) was a miller.", "Ada Foo (born 1820) was a miller."),
        ("Ada Foo ( , ; ) was a miller .", "Ada Foo was a miller."),
        ("It fell.[1][23] It rose.[a][note 2]", "It fell. It rose."),
        ("It fell.[citation needed] So [when?] it was.", "It fell. So it was."),
        ("Call f() or a[1] while .. holds.", "Call f() or a[1] while .. holds."),
        ("An  open\u00a0 set\u200b is.", "An open set is."),
        ("Cafe\u0301", "Café"),
    ],
)
def test_what_removed_parts_leave_goes_too(text, clean):
    assert tidied(text) == clean


PAGE = """<html><body><div id="siteSub">From a wiki</div><div id="mw-content-text">
<div class="mw-content-ltr mw-parser-output" lang="en">
<div class="shortdescription nomobile noexcerpt" style="display:none">A gate for water</div>
<div role="note" class="hatnote">For the song, see Sluice (song).</div>
<table class="infobox"><tr><th>Type</th><td>This is a gate. It is in a box.</td></tr></table>
<style>.x{color:red}</style>
<p class="mw-empty-elt"></p>
<p>A <b>sluice</b> (<span class="IPA">/sluːs/</span>; from <i>exclusa</i>) is a gate
for water.<sup id="cite_ref-1" class="reference"><a href="#1">[1]</a></sup> It is 10<sup>2</sup>
cm high since the 19<sup>th</sup> century, of CO<sub>2</sub>.<sup class="noprint Inline-Template">
[<i>citation needed</i>]</sup></p>
<figure class="mw-default-size"><img src="x.png"><figcaption>A gate in a mill.</figcaption></figure>
<meta property="mw:PageProp/toc">
<div class="mw-heading mw-heading2"><h2 id="Flow">Flow</h2><span class="mw-editsection">[<a>edit</a>]
</span></div>
<p>The flow is <span class="mwe-math-element"><span style="display: none;"><math><semantics>
<mi>Q</mi><annotation encoding="application/x-tex">{\\displaystyle Q=ab}</annotation></semantics>
</math></span><img alt="{\\displaystyle Q=ab}" src="q.svg"></span>, as is known.</p>
<ul><li>Weirs</li><li>It may also be measured:<ul><li>with a float that is timed by hand.</li></ul>
</li></ul>
<pre>code = here.</pre>
<h3><span class="mw-headline" id="Old">Old rules</span><span class="mw-editsection">[edit]</span></h3>
<p>One rule is old. </p><div class="navbox" role="navigation">Gates of the world are many.</div>
<h2>References</h2>
<div class="reflist"><ol class="references"><li>A book. It is long.</li></ol></div>
</div></div><div class="catlinks">Categories: Gates. Water.</div></body></html>"""


def test_html_has_its_prose_and_nothing_else():
    for broken in ("", "<html></html>", "no markup at all.", "<p>cut <b>off"):
        assert len(sections_of_html(broken)) == 1
    assert shown(without_boilerplate(sections_of_html(PAGE))) == [
        "1 : A sluice (from exclusa) is a gate for water. It is 10^2 cm high since the 19th century, of"
        " CO_2.",
        "2 Flow: The flow is $Q=ab$, as is known. | It may also be measured: | with a float that is "
        "timed by hand.",
        "3 Old rules: One rule is old.",
    ]


def test_sentences_know_the_abbreviations_of_their_text():
    split = learned_splitter("Short.")
    assert split("It is, e.g. in mills, low. It is by Dr. Foo et al. in 1820.\nSo  it is!") == [
        "It is, e.g. in mills, low.", "It is by Dr. Foo et al. in 1820.", "So it is!",
    ]  # fmt: skip
    text = "Der Bau ist von ca. 1820 bzw. früher. Er steht bzw. stand. Man sieht bzw. hört ihn. "
    learned = learned_splitter(text * 20)
    assert learned("Es ist alt bzw. Ruine. So ist es.") == ["Es ist alt bzw. Ruine.", "So ist es."]
