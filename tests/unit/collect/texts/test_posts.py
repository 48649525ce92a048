"""Posts into text: what is removed, what stays, and that nobody is named."""

import html
import unicodedata

import pytest

from papertune.collect.texts.posts import (
    clean_post,
    clean_title,
    question_url,
)
from papertune.collect.texts.text import in_ascii


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", ""),
        ("<!-- language: lang-js -->", ""),
        ("<p>One.</p>\n\n<p>Two\nlines.</p>", "One.\nTwo lines."),
        ("<p>One<br>Two</p>", "One\nTwo"),
        ("<p>a &lt; b &amp;&amp; c</p>", "a < b && c"),
        ("<p>&amp;lt; is an entity</p>", "&lt; is an entity"),
        ("<p>Use:</p><pre><code>int a;\n</code></pre><p>Then run.</p>", "Use:\nThen run."),
        ("<p>Call <code>f(x)[1]</code> first.</p>", "Call f(x)[1] first."),
        ("<p>See <a href='https://x.example/a'>the page</a>.</p>", "See the page."),
        ("<p>See:</p><p><img src='x.png' alt='enter image here'></p>", "See:"),
        ("<p>It is <s>slow</s> fast.</p>", "It is fast."),
        ("<h2>Why</h2><p>So.</p><hr><p>End.</p>", "Why\nSo.\nEnd."),
        ("<blockquote><p>They say so.</p></blockquote><p>No.</p>", "They say so.\nNo."),
        (
            "<p>2<sup>10</sup> and x<sub>i</sub> and e<sup>-x+1</sup></p>",
            "2^10 and x_i and e^(-x+1)",
        ),
        ("<ul><li>one</li><li><p>two</p></li></ul>", "- one\n- two"),
        ("<ol><li>one</li><li>two<ul><li>in</li></ul></li></ol>", "1. one\n2. two\n- in"),
        (
            "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>",
            "a | b\n1 | 2",
        ),
        ("<p>Let $a_i &lt; b$ and $$\\sum_i^n x_i$$.</p>", "Let $a_i < b$ and $$\\sum_i^n x_i$$."),
        ("<p>Add <code>@Override</code> to it.</p>", "Add @Override to it."),
        ("<p>a <b>b<p>c</b> <", "a b\nc <"),
        ("<p>a\x00\x0bb\ud800</p>", "ab"),
    ],
)
def test_markup_becomes_lines(body, text):
    assert clean_post(body) == text


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("“it’s” — so–so…", '"it\'s" - so-so...'),
        ("x² + 10⁻³ + H₂O", "x^2 + 10^-3 + H_2O"),
        ("1½ or ¾", "1 1/2 or 3/4"),
        ("ﬁne ＡＢＣ\u00a0d", "fine ABC d"),
        ("zero\u200bwidth soft\u00adhyphen", "zerowidth softhyphen"),
        ("naïve Erdős 数学 α → β", "naïve Erdős 数学 α → β"),
        ("a − b", "a - b"),
    ],
)
def test_characters_are_normalised_and_letters_stay(text, normal):
    assert clean_post(f"<p>{text}</p>") == normal
    assert clean_title(text) == normal


NOTICES = """
<blockquote><p><strong>Possible Duplicate:</strong><br><a href="/q/1">How?</a></p></blockquote>
<p><b>Possible Duplicates:</b> <a href='/q/1'>A</a>, <a href='/q/2'>B</a></p>
<p>closed as not constructive by a, b, c Mar 2 '12 at 4:22</p>
<p>migrated from stackoverflow.com Mar 3 '11 at 4:22</p>
<p>This question was migrated from Stack Overflow because it fits better.</p>
<p>This question already has answers here:</p>
<p>put on hold as too broad by x</p>
<p>As it currently stands, this question is not a good fit for our Q&amp;A format.</p>
<div><aside class="s-notice s-notice__info js-post-notice"><b>Closed</b>. It is off-topic.</aside></div>
<div class="question-status"><h2>closed as off topic</h2></div>
"""


@pytest.mark.parametrize("notice", NOTICES.strip().split("\n"))
def test_notices_of_the_site_are_no_part_of_a_post(notice):
    assert clean_post(f"{notice}<p>How can I sort a list?</p>") == "How can I sort a list?"
    assert clean_post(f"<p>How can I sort a list?</p>{notice}") == "How can I sort a list?"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>@John: it works.</p>", "it works."),
        ("<p>As @user1234 wrote, it works.</p>", "As wrote, it works."),
        ("<p>Mail me (joe.doe@gmail.com) or not.</p>", "Mail me or not."),
        ("<p>Mail joe.doe@mail.gmail.com today.</p>", "Mail today."),
        ("<p>joe [at] gmail [dot] com knows.</p>", "knows."),
        ('<p>Ask <a href="mailto:joe@x.org">Joe Doe</a> now.</p>', "Ask now."),
        ("<p><code>git config user.email joe@gmail.com</code></p>", "git config user.email"),
        (
            '<p>As <a href="https://math.stackexchange.com/users/12/joe">Joe Doe</a> says.</p>',
            "As another user says.",
        ),
        ("<p>It works.</p><p>Thanks, John</p>", "It works."),
        ("<p>It works.</p><p>Best regards,<br>John Smith</p>", "It works."),
        ("<p>It works. Thanks in advance for any help!</p>", "It works."),
        ("<p>It works.</p><p>Cheers!</p><p>-- Ann</p>", "It works."),
    ],
)
def test_nobody_is_named(body, text):
    assert clean_post(body) == text


STAYS = """
The set is closed as a union of closed sets is.
The file was moved from one folder to another.
A possible duplicate is found by hashing.
We lock the row; locked rows wait.
Thanks to Cantor we know that it is uncountable.
He thanks them for it.
We use Best First Search.
Write to root@localhost or user@example.com.
The decorator costs 3 @ 5 each.
We look (at) it. Then we go.
Thanks.
Thanks for the answer, but why does it hold for all n?
"""


@pytest.mark.parametrize("text", STAYS.strip().split("\n"))
def test_what_looks_like_a_person_or_a_notice_stays(text):
    assert clean_post(f"<p>{text}</p>") == text


def test_a_title_loses_its_state_and_very_deep_markup_does_no_harm():
    for state in ("closed", "duplicate", "on hold", "Solved"):
        assert clean_title(f"How do I sort [1, 2]? [{state}]") == "How do I sort [1, 2]?"
    assert clean_post("<div>" * 5000 + "end") in ("", "end")


@pytest.mark.parametrize(
    ("site", "host"),
    [
        ("math", "math.stackexchange.com"),
        ("math.stackexchange.com", "math.stackexchange.com"),
        ("stackoverflow", "stackoverflow.com"),
        ("ru.stackoverflow", "ru.stackoverflow.com"),
        ("mathoverflow.net", "mathoverflow.net"),
        ("askubuntu.com", "askubuntu.com"),
        ("meta.math", "math.meta.stackexchange.com"),
        ("meta.stackexchange", "meta.stackexchange.com"),
        ("meta.stackoverflow", "meta.stackoverflow.com"),
    ],
)
def test_sites_have_their_hosts(site, host):

    assert question_url(site, 7) == f"https://{host}/questions/7"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a < b & c > d", "a < b & c > d"),
        ("“so” – it’s x² ½…", "&ldquo;so&rdquo; &ndash; it&rsquo;s x&sup2; &frac12;&hellip;"),
        ("e\u0301t\u00e9 \u2200x\u2208S", "&eacute;t&eacute; &forall;x&isin;S"),
        ("Ăж漢🚀", "&Abreve;&zhcy;&#28450;&#128640;"),
        ("ẋ ﬁ", "&#7819; &filig;"),
    ],
)
def test_what_is_not_ascii_becomes_its_entity_and_can_be_read_again(text, said):
    assert in_ascii(text) == said and said.isascii()
    assert in_ascii(said) == said
    assert html.unescape(said) == unicodedata.normalize("NFC", text)


def test_a_post_in_ascii_has_entities_where_it_would_have_others_letters():
    body = "<p>It’s 2<sup>10</sup> – “naïve”&nbsp;Bayes.</p><pre>x = 'é'\n</pre>"
    assert clean_post(body) == 'It\'s 2^10 - "naïve" Bayes.'
    said = "It&rsquo;s 2^10 &ndash; &ldquo;na&iuml;ve&rdquo; Bayes."
    assert clean_post(body, characters="ascii") == said
    assert clean_post(body, characters="ascii", code=True) == f"{said}\nx = '&eacute;'"


def test_of_a_post_the_text_of_named_elements_stays():
    body = (
        "Before <b>all</b><p>One <b>bold</b> <sup>1</sup><!-- no --> word</p> between "
        "<div>So <a href='/users/1/x'>x</a><ul><li>a <i>b</i></li><li>c</li></ul> behind</div>"
        "<pre>code()\n</pre><p>Two <s>not</s></p>"
    )
    assert clean_post(body, elements=["p", "li"]) == "One bold ^1 word\n- a b\n- c\nTwo"
    assert clean_post(body, elements=["b", "i"]) == "all\nbold\n- b"
    assert clean_post(body, elements=["li"], code=True) == "- a b\n- c\ncode()"
    assert "another user" in clean_post(body) and not clean_post(body, elements=["h1"])
