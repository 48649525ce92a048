"""Abstracts in JATS, the journals' XML that Crossref returns."""

import re
from collections.abc import Iterator

from papertune.collect.texts.markup import LABEL_OF_OTHER
from papertune.collect.texts.text import ATTRIBUTES, STYLES, clean, unescaped
from papertune.sentences import without_runs, word_count

# elements of JATS besides the text
_UNWANTED = re.compile(
    r"<!--(?:(?!<!--).)*?-->|<((?:jats:)?(?:fn|fig|media|object-id|table-wrap|(?:inline-)?(?:graphic"
    rf"|supplementary-material))){ATTRIBUTES}(?:(?<=/)>|(?<!/)>(?:(?!<\1\b).)*?</\1\s*>)",
    re.IGNORECASE | re.DOTALL,
)
_STYLED = re.compile(rf"</?(?:jats:)?(?:{STYLES}){ATTRIBUTES}>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
# abstracts of another kind
_OTHER_KIND = re.compile(
    r"<((?:jats:)?(?:trans-)?abstract)\b[^<>]*\babstract-type=[\"'](?:graphical|teaser|toc|key-?points|highlights"
    r"|short|executive-summary|(?:plain-language|lay|author)-?summary|video|visual|precis|editor|web-summary)[^<>]*>"
    r"(?:(?!<\1\b).)*?</\1\s*>|<((?:jats:)?kwd-group)\b[^<>]*>(?:(?!<\2\b).)*?</\2\s*>",
    re.IGNORECASE | re.DOTALL,
)
_TITLE = re.compile(
    r"(?=<((?:jats:)?title|h[1-6])\b[^<>]*>([^<>]{0,200})</\1\s*>)|(?=</(?:jats:)?(?:abstract|trans-abstract)\s*>)",
    re.IGNORECASE,
)


def text_of(markup: str) -> str:
    """The text of an abstract in JATS, or in HTML that some publishers give instead.

    A heading "Abstract" is removed, those of sections stay (``Methods: …``). Formulas are kept
    once, as TeX if given as TeX. Pictures and footnotes are removed, and so are parts under another
    heading: keywords, a graphical abstract, a plain-language summary.
    """
    markup = without_runs(markup)
    # markup that was escaped as a whole
    if "<" not in markup and re.search(r"&lt;/?(?:jats:)?(?:p|title|sec)\b", markup):
        markup = unescaped(markup)
    own = _OTHER_KIND.sub(" ", markup)
    markup = "".join(_own_parts(own if word_count(_TAG.sub(" ", own)) > 5 else markup))
    return clean(_STYLED.sub("", _UNWANTED.sub("", markup)))


def _own_parts(markup: str) -> Iterator[str]:
    """The markup without the parts under the heading of something else."""
    start, other = 0, False
    for match in _TITLE.finditer(markup):
        if not other:
            yield markup[start : match.start()]
        start, title = match.start(), unescaped(match[2] or "").strip()
        other = bool(LABEL_OF_OTHER.match(title))
    if not other:
        yield markup[start:]
