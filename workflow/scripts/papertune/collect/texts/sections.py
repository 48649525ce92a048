"""Find abstracts without publisher-specific markup: in a named box, or under a heading.

Also the paragraph that continues a truncated description.
"""

import re
from collections.abc import Iterator
from itertools import islice

from bs4 import BeautifulSoup, NavigableString, Tag

from papertune.collect.texts import markup
from papertune.collect.texts.languages import ABSTRACT
from papertune.collect.texts.text import letters, words

# words beside "abstract" in a class or id of anything but the abstract's text
_NOT_NAMED = re.compile(
    r"graphical|visual|highlights?|toggler?|links?|button|btn|nav|tabs|teaser|short|preview|heading"
    r"|header|title|labels?|keywords?|lists?|lang|language|menu|count|views?|figure|image|img|icon"
    r"|related|recommended|recommendations|similar|cited|video|audio|pdf|popup|modal|tooltip|tools"
    r"|actions|share|metrics|no|has|with|show|hide|expand|collapse|number|id|url|html|background"
    r"|factory|class|syntax|interpretation|page|type|only|submission|submit|call|guidelines|executive"
)
# words in the class or id of a part about other papers, or of a form
_OUTSIDE = re.compile(
    r"related|recommend(?:ed|ations?|er)|similar|citing|references?|bibliography|trending"
    r"|carousel|modal|popup|dialog|footer|breadcrumbs?|navbar|menu|comments?|newsletter"
)
# margins mostly list other papers; a few sites put the paper's own abstract there
_MARGIN = re.compile(r"sidebar|aside|sidecol")
_NO_HEADINGS = words("script style title a option button")
_NO_BOXES = words("body html a button input option svg i label li nav")
_BLOCKS = words("p div td dd blockquote section article main li center font")
_INLINE_LABEL = re.compile(rf"^\s*(?:abstract|{ABSTRACT})\s*[:：.—–-]+\s*\w", re.IGNORECASE)
_MENUS = words("navigation tablist tab menu menubar menuitem")
_ABSTRACT = re.compile(r"\W*abstract\W*$", re.IGNORECASE)
_REVIEWED = re.compile(r"\b(?:Strengths|Weaknesses|Soundness|Official Review|Rating|Confidence)\b")
_SEVERAL = 4  # headings of one paper's abstract: in menus, in languages
_LONGEST = 6000  # letters of a paragraph


def sections(soup: BeautifulSoup, *, margin: bool = False, named: bool = True) -> Iterator[str]:
    """The texts of a page that are called an abstract, innermost boxes first.

    Args:
        soup: The page.
        margin: Only those in margins, in place of those in the page itself.
        named: Also boxes with only such a class or id, and summaries.
    """

    def is_here(element: Tag) -> bool:
        return _place(element) == ("margin" if margin else "page")

    boxes = [one for one in soup.find_all(_is_named_abstract, limit=24) if named and is_here(one)]
    held = {id(parent) for element in boxes for parent in element.parents}
    ids = set(map(id, boxes))
    if sum(not any(id(parent) in ids for parent in one.parents) for one in boxes) > 4:
        boxes = []  # a list of papers
    # the innermost first: boxes around it also have buttons, figures and lists
    for element in sorted(boxes[:12], key=lambda item: id(item) in held):
        if not is_headed_other(element) and not markup.is_links(element):
            yield markup.inner_text(element)
    strings = soup.find_all(string=markup.HEADING, limit=24)
    if sum(bool(_ABSTRACT.match(string)) for string in strings) > _SEVERAL:
        return  # a list of papers
    for string in strings:
        heading = _whole_heading(string)
        tab = _tab_of(soup, string)
        if tab is not None and is_here(tab) and not is_headed_other(tab):
            yield markup.inner_text(tab)
        if heading is None or not is_here(heading) or _is_in_menu(heading):
            continue
        if not _ABSTRACT.match(string) and (not named or _is_in_review(heading)):
            continue
        text = markup.text_after(heading)
        around = heading.parent if not text.strip() else None
        yield markup.text_after(around) if around else text
    for string in soup.find_all(string=_INLINE_LABEL, limit=6):
        block = next((one for one in string.parents if one.name in _BLOCKS), None)
        if block and is_here(block) and block.get_text().strip().startswith(string.strip()[:12]):
            yield markup.inner_text(block)


def _whole_heading(string: NavigableString) -> Tag | None:
    """The outermost element with no text but the heading's; None if it is no heading."""
    heading = string.parent
    while heading and (box := heading.parent) and markup.HEADING.match(markup.short_text(box)):
        heading = box
    return heading if heading and heading.name not in _NO_HEADINGS else None


def _is_in_menu(heading: Tag) -> bool:
    """Whether a heading is a menu entry that leads to the abstract, or to another page with it."""
    item = heading if heading.name == "li" else heading.find_parent("li")
    if item is not None and len(item.get_text()) > 200:
        return False  # the text is in it, too
    if heading.name in markup.HEADINGS and item is None:
        return heading.find_parent(role=list(_MENUS)) is not None
    link = heading.find_parent("a") or heading.find("a")
    if link is not None and link.get("href"):
        return True
    if item is not None and item.parent is not None:
        others = item.parent.find_all("li", recursive=False, limit=12)
        if len(others) > 1 and sum(len(one.get_text(strip=True)) < 40 for one in others) > 1:
            return True
    return any(parent.get("role") in _MENUS for parent in (heading, *islice(heading.parents, 12)))


def _tab_of(soup: BeautifulSoup, string: NavigableString) -> Tag | None:
    """The part of the page that a menu entry with this string opens; None if there is none."""
    link = string.find_parent("a")
    name = str(link.get("href") or "") if link is not None else ""
    tab = soup.find(id=name[1:]) if len(name) > 1 and name[0] == "#" else None
    return tab if isinstance(tab, Tag) and tab.find("h1") is None else None


def _is_in_review(heading: Tag) -> bool:
    """Whether a heading is in a review: a reviewer's summary is no abstract."""
    for parent in islice(heading.parents, 3):
        if parent.name == "body" or parent.find("h1") is not None:
            return False
        if _REVIEWED.search(parent.get_text(" ")[:20000]):
            return True
    return False


def _is_named_abstract(element: Tag) -> bool:
    """Whether an element's id, class or ``itemprop`` calls it an abstract, in any spelling."""
    if element.name in _NO_BOXES:
        return False
    attributes = element.attrs
    if str(attributes.get("itemprop") or attributes.get("property") or "").endswith("abstract"):
        return element.name != "meta"
    names = [str(attributes.get("id") or ""), *map(str, attributes.get("class") or [])]
    named = [markup.words_of(name) for name in names if "bstract" in name or "BSTRACT" in name]
    return any(
        words & {"abstract", "abstracts"} and not any(map(_NOT_NAMED.fullmatch, words))
        for words in named
    )


def is_headed_other(element: Tag) -> bool:
    """Whether an element's first heading is of something else: a graphical abstract, highlights."""
    heading = element.find([*markup.HEADINGS, "strong", "b"])
    before = element.find_previous_sibling(markup.HEADINGS)
    first = next(iter(element.stripped_strings), "")
    if heading is not None and next(iter(heading.stripped_strings), "") != first:
        heading = None  # it comes later
    said = [markup.short_text(other) for other in (heading, before) if other is not None]
    # "Significance" is the last part of a structured abstract
    return any(map(markup.OTHER.match, said)) or said[:1] == ["Significance"]


def is_elsewhere(element: Tag) -> bool:
    """Whether an element is in a list of other papers, a margin, a dialog or the page's footer."""
    return _place(element) != "page"


def _place(element: Tag) -> str:
    """``page``, ``margin`` or ``outside``; the name of a box around the whole page is ignored."""
    place = "page"
    for parent in (element, *element.parents):
        names = [str(parent.get("id") or ""), *map(str, parent.get("class") or [])]
        outside = parent.name in ("footer", "nav") or _is_called(_OUTSIDE, names)
        if not outside and parent.name != "aside" and not _is_called(_MARGIN, names):
            continue
        if parent.name == "body" or parent.find("h1") is not None:
            break
        if outside:
            return "outside"
        place = "margin"
    return place


def _is_called(form: re.Pattern[str], names: list[str]) -> bool:
    for name in names:
        words = markup.words_of(name)
        if any(map(form.fullmatch, words)) and not words & {"with", "has", "wrap", "wrapper"}:
            return True
    return False


def paragraph_with(soup: BeautifulSoup, beginning: str) -> Iterator[str]:
    """The paragraphs of a page that begin like a text, innermost first.

    Args:
        soup: The page.
        beginning: Plain text, without an ellipsis.
    """
    wanted = letters(beginning)[:60]
    if len(wanted) < 40:
        return
    found: list[Tag] = []
    for element in soup.find_all(list(_BLOCKS), limit=4000):
        start = ""
        for string in islice(element.stripped_strings, 12):
            start += letters(string)
            if len(start) >= 40 or not wanted.startswith(start):
                break
        if len(start) >= 40 and start[:60].startswith(wanted[: len(start[:60])]):
            found.append(element)
    for element in reversed(found[-12:]):
        if _place(element) == "page" and not markup.is_links(element):
            text = markup.inner_text(element)
            if len(text) <= _LONGEST:
                yield text
