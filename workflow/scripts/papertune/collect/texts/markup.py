"""Convert elements of a parsed page to text, without the parts that are no abstract."""

import copy
import re
import warnings
from html import escape
from itertools import islice

from bs4 import BeautifulSoup, Comment, NavigableString, Tag, XMLParsedAsHTMLWarning

from papertune.collect.texts.formulas import drop, is_gone, replace_formulas
from papertune.collect.texts.languages import ABSTRACT, KEYWORDS
from papertune.collect.texts.text import BLOCK_TAG, label, scripts, words
from papertune.files import whole
from papertune.sentences import without_runs

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_DEEPEST = 250  # browsers stop at 512
_MUCH, _SOME = 150, 40  # letters of a paragraph, of a sentence
_MOST_PIECES = 1000  # nodes after a heading; more than any abstract has
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
LABELS = (*HEADINGS, "summary", "strong", "b", "span", "dt", "legend", "label", "div", "p", "th")
HEADING = re.compile(
    r"^\W*(?:\d+\.?\s+)?(?:(?:(?:author'?s?'?|english|paper|article) )?abstracts?"
    r"|(?:(?:english|paper|article) )?summary"
    rf"|r\s?i\s?a\s?s\s?s\s?u\s?n\s?t\s?o|{ABSTRACT})"
    r"(?:\s*/\s*\w+|\s*[\[(]\w{2,12}[\])]|\s+научной\s+статьи\b.{0,100})?\W*$|^dc\.description\.abstract(?:\[\w+\])?\W*$",
    re.IGNORECASE,
)
# summaries that are not the abstract: for other audiences, by other people, by machines
_ASIDE = (
    r"(?:plain[- ]language|lay|lay[- ]?person'?s|non[- ]?technical|author'?s?'?|short|simple) summary"
    r"|lay abstract|(?:ai|machine|automatic(?:ally)?)\b.{0,20}\b(?:summary|abstract|highlights)\W*$"
    r"|elife (?:digest|assessment)|impact statement|tl;?dr"
)
_STATEMENT = (
    r"(?:competing|conflicts? of) interests?(?: statements?)?\W*$|author declarations?\W*$"
    r"|data availability(?: statement)?\W*$"
)
# headings of parts that are no abstract, although they are within one or called one
OTHER = re.compile(
    rf"^\W*(?:(?:author |article )?key\s?-?words?\b|{KEYWORDS}|index terms|highlights?\b|key ?points\b"
    r"|(?:graphical|visual|video|translated|secondary|alternate) abstract|toc graphic|table of contents"
    r"|references\b|citation|how to cite|to cite this|acm reference format|bibliography\b"
    r"|cite (?:this|as)|ccs concepts|categories and subject|general terms"
    r"|(?:(?:\w+ )?(?:mathematics|physics|medical|library of congress|mesh) )?subject (?:class|heading"
    r"|area|term"
    r"|categor|descriptor)|(?:mesh|emtree)\b|disciplines?\W*$|topics?\W*$|tags?\W*$|research areas?\b"
    r"|(?:\d{4} )?(?:msc|ams|jel|pacs|udc)\b|keyphrases|significance statement|editor'?s'? (?:note|summary)"
    r"|\d+\.? introduction|i\. introduction|article (?:history|info)|dates?\W*$|received\b"
    r"|supplement(?:al|ary) (?:mater|info)|associated (?:content|data)|funding"
    rf"|public interest|acknowledge?ments?|copyright|rights|plain[- ]language|{_ASIDE}"
    rf"|teaser\b|(?:extract|excerpt)\W*$|{_STATEMENT}"
    r"|related\b|recommend|similar\b|cited by|metrics\b|download|export|share\b"
    r"|author(?:s|\b.* information| biograph)|about the authors?|notes?\b|published|doi\b|keywords)",
    re.IGNORECASE,
)
# the same as a label in bold, where more may be prose
LABEL_OF_OTHER = re.compile(
    rf"^(?:(?:author |article )?key\s?-?words?(?: and phrases)?|{KEYWORDS}|index terms|highlights"
    rf"|references"
    r"|(?:graphical|visual|video) abstract|ccs concepts|general terms|acm reference format|keyphrases"
    r"|(?:\d{4} )?(?:msc|ams|jel|pacs|udc|mesh)\b.{0,40}|(?:(?:mathematics|physics|medical|mesh) )?subject"
    r" (?:headings?|areas?|terms?|descriptors?|classifications?).{0,20}|categories and subject descriptors"
    rf"|{_ASIDE}|{_STATEMENT}|significance statement|teaser"
    r"|how to cite.{0,20}"
    r"|(?:about the )?authors?|(?:author )?bio(?:s|graph(?:y|ies))?|authors?'? information"
    r"|acknowledge?ments?"
    r"|contents|downloads?|related (?:papers|articles|work|content)|bibtex"
    r"|(?:recommended )?citation|cite (?:as|this.{0,12})|disciplines?|topics?)"
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
# class names of boxes within an abstract that do not belong to it, and words that contradict them
_BESIDE = words(
    "keyword keywords kwd kwds subjects mesh pacs msc jel ccs citation tags taxonomy doi"
)
_NOT_BESIDE = words("abstract abstracts with has no and text content body main wrapper")
# the last part of some structured abstracts
_SUMMARY = re.compile(r"\W*summary\W*$", re.IGNORECASE)
_INTRODUCTION = re.compile(r"\W*introduction\W*$", re.IGNORECASE)
_MORE = re.compile(
    r"^\W*(?:(?:show|read|see|view|load|hide|collapse|expand)\s+(?:more|less|all|full|abstract)"
    r"(?:\s+abstract)?|(?:view|read|see|download|show) (?:the )?(?:full[- ]?text|pdf|article"
    r"|paper)(?: pdf)?|full[- ]text|more|less|\(more\)|\[more\]|translate|listen|pdf)\W*$",
    re.IGNORECASE,
)


_REFERENCES = re.compile(r"[\[\]\d\s,;–-]+")
# marks around the texts of links, by which lines of links are told from prose
_LINK, _LINK_END = "\ue000", "\ue001"
_LINKED = re.compile(f"{_LINK}[^{_LINK}{_LINK_END}]*+{_LINK_END}")
_BESIDE_LINKS = re.compile(r"\W*+(?:\w[\w ]{1,30}:\W*+)?")


def parsed(html: str) -> BeautifulSoup:
    """A page as a tree, without elements nested more than ``_DEEPEST`` levels deep."""
    with warnings.catch_warnings():  # XHTML with an XML declaration is meant to be read as HTML
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        html = without_runs(html)
        if "<mml:" in html:
            html = re.sub(r"(</?)mml:", r"\1", html)
        # lxml refuses lone surrogates, which browsers accept
        soup = BeautifulSoup(whole(html), "lxml")
    level: list[Tag] = [soup]
    for _ in range(_DEEPEST):
        level = [child for tag in level for child in tag.contents if isinstance(child, Tag)]
    for element in level:
        element.decompose()
    return soup


def words_of(name: str) -> set[str]:
    """The words of a class or an id in lower case: ``kebab-case``, ``camelCase`` and the like."""
    return {word.lower() for word in _WORD.findall(name)}


def is_links(element: Tag) -> bool:
    """Whether an element is a menu or a list of links: most of its text is in links."""
    links = element.find_all("a", href=True, limit=60)
    inside = sum(len(link.get_text(strip=True)) for link in links)
    return len(links) > 2 and 2 * inside > len(element.get_text(strip=True))


def short_text(element: Tag) -> str:
    """The text of an element with at most 12 nodes; empty for larger ones, at no cost."""
    if sum(1 for _ in islice(element.descendants, 13)) > 12:
        return ""
    return " ".join(element.get_text(" ").split())


def inner_text(element: Tag) -> str:
    """An element's text as an abstract has it; entities stay escaped.

    Without its own heading, scripts, buttons, keywords, reference numbers, links at its end, and
    all that follows the heading of something else. With the labels of a structured abstract, and
    each formula once.
    """
    return _without_last_links(_lines_of(element))


def _lines_of(element: Tag) -> str:
    """An element's text with a line for each block; links are marked."""
    part = copy.copy(element)
    for comment in part.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    replace_formulas(part)
    drop(part, _UNWANTED)
    for small in part.find_all(["a", "span", "p", "div", "label", "li"]):
        if is_gone(small):
            continue
        said = short_text(small)
        is_link = small.name == "a"
        if (is_link and HEADING.match(said)) or _MORE.match(said):
            small.replace_with(f"{_LINK}{_LINK_END}" if is_link else "")
        elif said in ("...", "…") and _goes_on(small):
            small.replace_with(" ")
    for number in part.find_all("sup"):
        link = number.find("a", href=True) or number.find_parent("a", href=True)
        if link and "#" in link["href"] and _REFERENCES.fullmatch(number.get_text()):
            number.decompose()
    for box in part.find_all(["div", "p", "ul", "section", "dl", "span"], class_=True):
        names = set().union(*map(words_of, box["class"])) if not is_gone(box) else set()
        if names & _BESIDE and not names & _NOT_BESIDE:
            box.decompose()
    _cut_at_other(part)
    for heading in part.find_all(LABELS):
        if is_gone(heading):
            continue
        text = short_text(heading)
        if HEADING.match(text) and not (_SUMMARY.match(text) and _words_before(heading, _SOME)):
            heading.decompose()
        elif heading.name in HEADINGS or _is_titled(heading):
            if len(text) > 80 or (heading.name == "h1" and len(text.split()) > 5):
                heading.decompose()  # the title
            elif text:
                heading.replace_with(f" {label(text)} ")
    for link in part.find_all("a", href=True):
        link.insert(0, _LINK)
        link.append(_LINK_END)
    markup = scripts(part.decode_contents()).replace("\n", " ")
    # all tags are removed here; escaped text stays escaped until it is cleaned
    return re.sub(r"<[^>]*+>?", "", BLOCK_TAG.sub("\n", markup))


def _without_last_links(text: str) -> str:
    """A text in one line, without last lines that have only links, each with at most a label."""
    lines = [line for line in text.split("\n") if line.strip()]
    while lines and len(lines[-1]) < 100:
        beside, count = _LINKED.subn("", lines[-1])
        if not count or not _BESIDE_LINKS.fullmatch(beside):
            break
        lines.pop()
    return " ".join(lines).replace(_LINK, "").replace(_LINK_END, "")


def _goes_on(element: Tag) -> bool:
    """Whether more text follows an element in its line, shown or hidden."""
    return sum(len(one.get_text().strip()) for one in islice(element.next_siblings, 4)) > _SOME


def _cut_at_other(part: Tag) -> None:
    """Drop the parts under the heading of something else, up to the next heading of its rank."""
    for heading in part.find_all([*HEADINGS, "strong", "b", "dt", "span", "p", "div", "i"]):
        if is_gone(heading):
            continue
        text = short_text(heading)
        is_heading = heading.name in HEADINGS
        other = OTHER.match(text) if is_heading else LABEL_OF_OTHER.match(text) and _begins(heading)
        if not other and not (_is_another(text) and _begins(heading) and _words_before(heading)):
            continue
        for sibling in list(heading.next_siblings):
            name = getattr(sibling, "name", None)
            if name in HEADINGS and (not is_heading or name <= heading.name):
                break
            sibling.extract()
        heading.decompose()


def _is_titled(element: Tag) -> bool:
    """Whether a box serves as a heading: ``<div class="title">Motivation</div>``."""
    names = [words_of(name) for name in element.get("class") or []]
    is_box = element.name in ("div", "p") and any(one & {"title", "heading"} for one in names)
    return is_box and 0 < len(short_text(element)) <= 80


def _is_another(text: str) -> bool:
    """Whether a heading after an abstract begins the introduction, or the abstract in another
    language.
    """
    another = HEADING.match(text) and not _SUMMARY.match(text)
    return bool(another or _INTRODUCTION.match(text))


def _words_before(element: Tag, most: int = _MUCH) -> bool:
    """Whether more than ``most`` characters precede an element."""
    count = 0
    for before in element.previous_elements:
        count += len(before.strip()) if isinstance(before, NavigableString) else 0
        if count > most:
            return True
    return False


def _begins(element: Tag) -> bool:
    """Whether an element is the first of its line."""
    for sibling in element.previous_siblings:
        name = getattr(sibling, "name", None)
        if name:
            return bool(BLOCK_TAG.match(f"<{name}>"))
        if str(sibling).strip():
            return False
    return True


def text_after(heading: Tag) -> str:
    """The text that follows a heading, up to the next heading of its rank, or of something else."""
    rank = heading.name if heading.name in HEADINGS else "h6"
    parts: list[str] = []
    labelled = False  # by bold lines, as the parts of a structured abstract are
    for sibling in islice(heading.next_siblings, _MOST_PIECES):
        name = getattr(sibling, "name", None)
        if not name:
            parts.append(escape(str(sibling), quote=False).replace("\n", " "))
            continue
        if name in ("footer", "nav"):
            break
        if name == "p" and "ISSN" in (before := "".join(parts)) and len(before) < 600:
            parts = []  # the paper's reference, which SciELO puts before each abstract
        is_field = heading.name in ("td", "th") or name == heading.name == "dt"
        if is_field and "".join(parts).strip():
            break  # the cells after its text give its language, or are other fields
        much = sum(map(len, parts)) > _MUCH
        if name == heading.name and _is_bold(sibling):
            if much and not labelled:
                break  # a heading of the same kind
            labelled = True
        heads = [sibling] if name in HEADINGS else sibling.find_all(HEADINGS)
        if any(head.name <= rank or OTHER.match(head.get_text()) for head in heads):
            break
        if much and any(_is_another(short_text(head)) for head in [*heads, sibling]):
            break
        if name in HEADINGS:
            parts.append(f" {label(sibling.get_text(' ', strip=True))} ")
        elif _is_labelled_other(sibling, much=much):
            break
        elif not is_links(sibling):
            is_block, is_link = BLOCK_TAG.match(f"<{name}>"), name == "a" and sibling.get("href")
            text = f"{_LINK}{_lines_of(sibling)}{_LINK_END}" if is_link else _lines_of(sibling)
            parts.append(f"\n{text}\n" if is_block else text)
    return _without_last_links("".join(parts))


def _is_bold(element: Tag) -> bool:
    """Whether an element's text is only a few words in bold."""
    bold, said = element.find(["strong", "b"]), short_text(element)
    return bold is not None and 0 < len(said) <= 60 and short_text(bold) == said


def _is_labelled_other(element: Tag, *, much: bool) -> bool:
    """Whether a paragraph begins with another label: ``Keywords: …``; if ``much``, ``Résumé …``."""
    text = short_text(element)
    if len(text) < 400 and OTHER.match(text):
        named = re.match(rf"^(?:[\w\s/-]{{3,40}}[:—]|{KEYWORDS})", text, re.IGNORECASE)
        if named or LABEL_OF_OTHER.match(text):
            return True
    first = element.find(["strong", "b", "em", "i", "span", "dt"])
    start = next(iter(element.stripped_strings), "")
    if first is None or not _begins(first) or start not in first.get_text():
        return False
    said = short_text(first)
    return bool(LABEL_OF_OTHER.match(said) or (much and _is_another(said)))
