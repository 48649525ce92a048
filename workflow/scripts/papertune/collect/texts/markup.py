"""From a parsed page to text: what belongs to an abstract's element and what only lies in it."""

import copy
import re
import warnings
from html import escape
from itertools import islice

from bs4 import BeautifulSoup, Comment, Tag, XMLParsedAsHTMLWarning

from papertune.collect.texts.formulas import drop, is_gone, replace_formulas
from papertune.collect.texts.languages import ABSTRACT, KEYWORDS
from papertune.collect.texts.text import BLOCK_TAG, label, scripts
from papertune.files import whole
from papertune.sentences import without_runs

_DEEPEST = 250  # browsers stop at 512
_MOST_PIECES = 1000  # of what follows a heading; longer than any abstract
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
LABELS = (*HEADINGS, "summary", "strong", "b", "span", "dt", "legend", "label", "div", "p", "th")
HEADING = re.compile(
    r"^\W*(?:\d+\.?\s+)?(?:(?:author'?s?'?|english|paper|article) )?"
    rf"(?:abstracts?|summary|r\s?i\s?a\s?s\s?s\s?u\s?n\s?t\s?o|{ABSTRACT})"
    r"(?:\s*/\s*\w+)?\W*$",
    re.IGNORECASE,
)
# a part of the page that is no abstract although it stands within one or is called one
OTHER = re.compile(
    rf"^\W*(?:(?:author |article )?key\s?-?words?\b|{KEYWORDS}|index terms|highlights?\b|key ?points\b"
    r"|graphical abstract|visual abstract|toc graphic|table of contents|references\b|citation"
    r"|cite this|ccs concepts|categories and subject|general terms|(?:mathematics )?subject class"
    r"|msc\b|jel\b|pacs\b|supplement(?:al|ary) (?:mater|info)|associated (?:content|data)|funding"
    r"|public interest|acknowledge?ments?|copyright|rights|plain[- ]language summary|lay summary|teaser\b"
    r"|related\b|recommend|similar\b|cited by|metrics\b|download|export|share\b"
    r"|author(?:s|\b.* information| biograph)|about the authors?|notes?\b|published|doi\b|keywords)",
    re.IGNORECASE,
)
# the same as a word in bold, where more care is due
_LIST = re.compile(
    rf"^(?:(?:author |article )?key\s?-?words?(?: and phrases)?|{KEYWORDS}|index terms|highlights|references"
    r"|graphical abstract|ccs concepts|general terms|acm reference format|(?:msc|jel|pacs)\b.{0,40})"
    r"\s*[:：.—–-]?$",
    re.IGNORECASE,
)
_UNWANTED = (
    "script, style, template, button, noscript, nav, form, figure, svg, iframe, input, select, "
    ".keywords, .keyword, .abstractKeywords, .article-keywords, .kwd-group, .hlFld-KeywordText, "
    ".descriptor, .sr-only, .visually-hidden, .screen-reader-text, .abs-tools, .firstPage, "
    ".abstract-toggle, [hidden], .copyright, .dropdown-menu, .btn-group, .graphical, "
    ".article-info, .pub-info, .publication-info, .article-history, .tooltip, [role=tooltip], [role=button]"
)
_MORE = re.compile(
    r"^\W*(?:(?:show|read|see|view|load|hide|collapse|expand)\s+(?:more|less|all|full|abstract)"
    r"(?:\s+abstract)?|more|less|\(more\)|\[more\]|translate|listen|pdf)\W*$",
    re.IGNORECASE,
)


def parsed(html: str) -> BeautifulSoup:
    """A page as a tree, without what lies deeper in it than any reader can look."""
    with warnings.catch_warnings():  # XHTML with an XML declaration is meant to be read as HTML
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        html = without_runs(html)
        if "<mml:" in html:
            html = re.sub(r"(</?)mml:", r"\1", html)
        # half a surrogate pair, which browsers let pass, is no text to lxml
        soup = BeautifulSoup(whole(html), "lxml")
    level: list[Tag] = [soup]
    for _ in range(_DEEPEST):
        level = [child for tag in level for child in tag.contents if isinstance(child, Tag)]
    for element in level:
        element.decompose()
    return soup


def short_text(element: Tag) -> str:
    """The text of an element that has little in it; of a larger one nothing, and at no cost."""
    if sum(1 for _ in islice(element.descendants, 13)) > 12:
        return ""
    return element.get_text(" ", strip=True)


def inner_text(element: Tag) -> str:
    """An element's text as an abstract has it; still with entities escaped.

    Without its own heading, scripts, buttons, keywords and all that follows a heading of something
    else; with the labels of a structured abstract; with each formula once.
    """
    part = copy.copy(element)
    for comment in part.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    replace_formulas(part)
    drop(part, _UNWANTED)
    for small in part.find_all(["a", "span", "p", "div", "label", "li"]):
        if not is_gone(small) and _MORE.match(short_text(small)):
            small.decompose()
    _cut_at_other(part)
    for heading in part.find_all(LABELS):
        if is_gone(heading):
            continue
        text = short_text(heading)
        if HEADING.match(text):
            heading.decompose()
        elif heading.name in HEADINGS:
            if len(text) > 80:
                heading.decompose()
            elif text:
                heading.replace_with(f" {label(text)} ")
    markup = scripts(part.decode_contents())
    # every tag goes here; what is escaped in the text stays escaped until it is cleaned
    return re.sub(r"<[^>]*+>?", "", BLOCK_TAG.sub(" ", markup))


def _cut_at_other(part: Tag) -> None:
    """Drop what stands under the heading of something else, up to the next heading of its rank."""
    for heading in part.find_all([*HEADINGS, "strong", "b", "dt", "span", "p", "div", "i"]):
        if is_gone(heading):
            continue
        text = short_text(heading)
        is_heading = heading.name in HEADINGS
        if not (OTHER.match(text) if is_heading else _LIST.match(text) and _begins(heading)):
            continue
        for sibling in list(heading.next_siblings):
            name = getattr(sibling, "name", None)
            if name in HEADINGS and (not is_heading or name <= heading.name):
                break
            sibling.extract()
        heading.decompose()


def _begins(element: Tag) -> bool:
    """Nothing stands before it in its line."""
    for sibling in element.previous_siblings:
        name = getattr(sibling, "name", None)
        if name:
            return bool(BLOCK_TAG.match(f"<{name}>"))
        if str(sibling).strip():
            return False
    return True


def text_after(heading: Tag) -> str:
    """The text that follows a heading, up to the next heading of its rank."""
    rank = heading.name if heading.name in HEADINGS else "h6"
    parts: list[str] = []
    for sibling in islice(heading.next_siblings, _MOST_PIECES):
        name = getattr(sibling, "name", None)
        if not name:
            parts.append(escape(str(sibling), quote=False))
            continue
        heads = [sibling] if name in HEADINGS else sibling.find_all(HEADINGS)
        if any(head.name <= rank or OTHER.match(head.get_text()) for head in heads):
            break
        if name in HEADINGS:
            parts.append(f" {label(sibling.get_text(' ', strip=True))} ")
        elif (
            len(text := short_text(sibling)) < 400
            and OTHER.match(text)
            and re.match(rf"^(?:[\w\s/-]{{3,40}}[:—]|{KEYWORDS})", text, re.IGNORECASE)
        ):
            break  # its label
        else:
            parts += [" " * bool(BLOCK_TAG.match(f"<{name}>")), inner_text(sibling)]
    return "".join(parts)
