"""Posts of question-and-answer sites as plain text, without notices and personal data."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from papertune.collect.identifiers import document_id
from papertune.collect.texts.text import folded, in_ascii, raised, words
from papertune.identity import digest
from papertune.jobs.apart import Readers, Unread
from papertune.records import Document, Rejection
from papertune.sentences import composed, lined, without_runs

if TYPE_CHECKING:
    from lxml.etree import _Element

    from papertune.study.settings.qa import Characters, PostsSource

_OWN = words("stackoverflow serverfault superuser askubuntu stackapps")
OWN_HOSTS = {name: f"{name}.com" for name in _OWN}
OWN_HOSTS |= dict.fromkeys(("mathoverflow", "mathoverflow.net"), "mathoverflow.net")
_BLOCKS = words(
    "address article blockquote center dd details div dl dt figcaption figure footer h1 h2 h3"
    " h4 h5 h6 header hr li ol p section summary table tbody tfoot thead tr ul"
)
_DROPPED = words("pre script style img svg video iframe del s strike aside")
_LITERAL = words("code kbd samp tt")
CODE_BLOCK = "<pre"  # the beginning of a code block in a post's HTML
_NOTICE_CLASS = re.compile(
    r"\b(post-notice|js-post-notice|s-notice|question-status|special-status)"
)
# whole paragraphs that the site wrote, not the author
_NOTICE = re.compile(
    r"(possible duplicates?\s*:|this question (already has|has (already )?been (answered|asked))\b"
    r"|(this question was |it was )?(migrated|moved) (from|to) |closed as |put on hold as "
    r"|marked as (a )?(exact )?duplicate\b|(as it currently stands, )?this question (is|was) (not "
    r"a good fit|closed|marked|put on hold|likely to|off[- ]topic)|closed\. this question"
    r"|(closed|locked|protected|deleted)( \d+ \w+ ago)?\.|want to improve this (question|post|answer)\?"
    r"|this (question|post|answer)( and its answers)? (is|are) (currently )?(locked|protected|not "
    r"accepting)|(update|edit|improve) (this|the) question so|post locked|locked by )",
    re.IGNORECASE,
)
_STATE = re.compile(
    r"(?<!\s)\s*+\[(closed|duplicate|on hold|migrated|locked|solved|resolved|answered|protected)\]\s*$",
    re.IGNORECASE,
)
_USER_PAGE = re.compile(r"^(https?://[^/]+)?/users/-?\d+(/|$)", re.IGNORECASE)
_EMAIL = re.compile(
    r"(?:mailto:)?\b(?!git@)[\w.+%-]{1,64}@(?!example\.)(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"
    r"|\b[\w.+-]{1,64}\s?[\[({]\s*at\s*[\])}]\s*[\w-]+(?:(?:\s*[\[({]\s*dot\s*[\])}]\s*|\.)[\w-]+)+",
    re.IGNORECASE,
)
_BLOCK = "\ue001"  # placed around the number of a block of code
_REMOVED = "\ue000"  # replaces an address until the brackets around it are removed
_MENTION = re.compile(
    r"(?<![\w@/.\\$])@[^\W\d_][\w-]*(?:\.\w+)*(?:['’]s\b|(?: [A-Z][\w'-]*){1,2}(?=[:,]))?[:,]?"
)
_NAME = r"(?-i:[A-Z][\w'.-]*+(?: [A-Z][\w'.-]*+){0,2}+)"
_THANKS = (
    r"(?:(?:many |much |big |a lot of )?(?:thanks|thank you|thx|tia|appreciated)|cheers"
    r"|(?:(?:best|kind|warm|with best|with kind) )?(?:regards|wishes)|sincerely(?: yours)?"
    r"|yours(?: sincerely| truly)?|greetings|best(?=\s*(?:,|\n|$)))"
)
_MORE = (
    r"(?: |, )(?:you|again|in advance|a (?:lot|bunch|million|ton)|so much|very much|to (?:all|you"
    r"|everyone)|guys|all|everyone|everybody|folks)"
)
_FOR = r"(?: |, )(?:for|with) (?:any|your|the|all)\b"
# reasons of thanks: all but the last end where the next begins, so that there is one way to match
# them; few, as thanks may begin again within
_REASONS = (
    rf"(?:{_FOR}(?:{_MORE}|(?!{_FOR})[^.!?\n]){{0,60}}+(?={_FOR})){{0,5}}+"
    rf"(?:{_FOR}[^.!?\n]{{0,60}}(?:{_MORE})*+)?"
)
_FAREWELL = re.compile(
    rf"(?:^|\n|(?<=[.!?:)\"'] )){_THANKS}(?:{_MORE})*+{_REASONS}[\s,.!;:)-]*+"
    rf"(?:{_NAME}\s*+[.!]*+\s*+)?$",
    re.IGNORECASE,
)
_SIGNED = re.compile(r"\n(?<!\s\n)\s*+(?:--?|~|/)\s*+[A-Z][\w'.-]*+(?: [A-Z][\w'.-]*+)?\s*+$")
_CONTROL = re.compile(
    "[\ue000\ue001\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
)  # not allowed in lxml's trees
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", "0123456789+-=()ni")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₙ", "0123456789+-=()n")
_FRACTION = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞])")
_PUNCTUATION = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′ʼ´", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–−", "-"),
        **dict.fromkeys("—―", " - "),
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", ""),
        "•": "-",
        "…": "...",
        "⁄": "/",
        "™": "",
        "®": "",
    }
)


def question_url(site: str, number: int) -> str:
    """The url of a question; ``site`` is the site's name in the API: ``math``, ``meta.math``."""
    name = site.removesuffix(".com").removesuffix(".stackexchange")
    kind, _, parent = name.rpartition(".")  # of meta.stackoverflow, ru.stackoverflow
    if name in OWN_HOSTS:
        host = OWN_HOSTS[name]
    elif parent in OWN_HOSTS:
        host = f"{kind}.{OWN_HOSTS[parent]}"
    elif kind == "meta" and parent != "stackexchange":
        host = f"{parent}.meta.stackexchange.com"
    else:
        host = f"{name}.stackexchange.com"
    return f"https://{host}/questions/{number}"


def clean_title(title: str, *, characters: Characters = "unicode") -> str:
    """A normalised title without its state (``[closed]``), e-mail addresses and user mentions."""
    text = _EMAIL.sub("", _written_in(characters)(_STATE.sub("", title)))
    return " ".join(_MENTION.sub("", text).split())


def _written_in(characters: Characters) -> Callable[[str], str]:
    """The function that normalises a text; for ASCII output it must not replace characters."""
    return composed if characters == "ascii" else normalised


def clean_post(
    body: str,
    *,
    code: bool = False,
    characters: Characters = "unicode",
    elements: Collection[str] = (),
) -> str:
    """The text of a post's HTML, with a line for each paragraph and each list item.

    Pictures, struck text, the site's notices, e-mail addresses, user mentions and signatures are
    removed. Inline code and formulas (``$…$``) stay.

    Args:
        code: Keep blocks of code, with their lines and indentation.
        characters: With ``ascii``, other characters become HTML entities.
        elements: If given, only text within these elements (and code) is kept.
    """
    from lxml import html

    page = html.document_fromstring(
        f"<html><body>{_CONTROL.sub('', without_runs(body))}</body></html>"
    )
    blocks: list[str] = []
    if elements:
        _empty_outside(page.body, {*elements, "pre"} if code else {*elements})
    for block in list(page.iter("pre")) if code else ():
        written = _EMAIL.sub("", "".join(map(str, block.itertext())))
        blocks.append(lined(written).strip("\n"))
        tail = block.tail
        block.clear()
        block.tag, block.text, block.tail = "p", f"{_BLOCK}{len(blocks) - 1}{_BLOCK}", tail
    for items in page.iter("ol"):
        for number, item in enumerate(items.iterchildren("li"), start=1):
            item.set("value", str(number))
    lines = [" ".join(line.split()) for line in folded(page.body, _said, _written).split("\n")]
    text = "\n".join(line for line in lines if line and not re.fullmatch(r"(-|\d+\.|\|)", line))
    text = _unsigned(_tidied(_written_in(characters)(text)))
    text = re.sub(rf"{_BLOCK}(\d+){_BLOCK}", lambda place: blocks[int(place[1])], text)
    return in_ascii(text) if characters == "ascii" else text


def _empty_outside(body: _Element, names: Collection[str]) -> None:
    """Remove the text that is in none of the elements of these names."""
    left: list[tuple[_Element, bool]] = [(body, False)]
    while left:
        element, inside = left.pop()
        inside = inside or element.tag in names
        if not inside:
            element.text = " "
            element.attrib.clear()
        for child in element:
            if not inside:
                child.tail = " "
            if isinstance(child.tag, str):
                left.append((child, inside))


def normalised(text: str) -> str:
    """NFKC with plain punctuation; ``x²`` is ``x^2`` and ``1½`` is ``1 1/2``."""
    text = re.sub(r"[⁰¹²³⁴-⁹⁺-⁾ⁿⁱ]+", lambda match: "^" + match[0].translate(_RAISED), text)
    text = re.sub(r"[₀-₎ₙ]+", lambda match: "_" + match[0].translate(_LOWERED), text)
    text = _FRACTION.sub(" ", text).translate(_PUNCTUATION)
    return composed(text, "NFKC").translate(_PUNCTUATION)


def cleaned(title: str, question: str, answer: str, **how: Any) -> tuple[str, str, str]:
    """Title, question with its title, and answer as text, from their HTML.

    ``how`` are the options of :func:`clean_post`; the first title always keeps its characters.
    """
    characters = how["characters"]
    asked = clean_title(title, characters=characters)
    asked = in_ascii(asked) if characters == "ascii" else asked
    body, text = (clean_post(post, **how) for post in (question, answer))
    return clean_title(title), f"{asked}\n{body}".rstrip(), text


def pair_document(
    readers: Readers,
    source: PostsSource,
    number: int,
    post: tuple[str, str, str],
    score: int,
    year: int,
) -> Document | Rejection:
    """The document of a post (title, question's HTML, answer's HTML), or its rejection."""
    url = question_url(source.site, number)
    try:
        title, question, text = readers.read(
            cleaned,
            *post,
            of=f"{url} {digest(post)}",
            code=source.code == "keep",
            characters=source.characters,
            elements=source.elements,
        )
    except Unread as error:
        return Rejection("list", url, error.reason, f"{error.what}; {error.hint}")
    if not title:
        return Rejection("list", url, "no_title", question[:200])
    if not text:
        return Rejection("list", url, "no_text", f"{title}: nothing is left of the best answer")
    return Document(
        document_id(url), title, url, year, text, found_by="listing",
        question=question, score=float(score),
    )  # fmt: skip


def _said(element: _Element, inside: str) -> str:
    """The text of an element: blocks on lines of their own, users not named."""
    tag, parent = str(element.tag), element.getparent()
    before = "\n" if tag in _BLOCKS else ""
    after = "\n" if tag == "pre" else before
    if tag == "li" and parent is not None and parent.tag in ("ol", "ul"):
        before = f"\n{element.get('value')}. " if parent.tag == "ol" else "\n- "
    elif element.getprevious() is not None:
        before = " | " if tag in ("td", "th") else before
    elif parent is not None and parent.tag == "li" and not (parent.text or "").strip():
        before = ""  # the item's mark begins this line
    target = (element.get("href") or "").strip() if tag == "a" else ""
    if tag == "br":
        inside = "\n"
    elif tag in ("sup", "sub"):
        inside = raised(_words(element), "^" if tag == "sup" else "_")
    elif target.lower().startswith("mailto:"):
        inside = _REMOVED
    elif _USER_PAGE.match(target):
        inside = "another user"
    elif tag in _DROPPED or _is_notice(element):
        inside = ""
    return f"{before}{inside}{after}"


def _written(text: str, element: _Element) -> str:
    """A string of the page with line breaks as spaces, and without user mentions."""
    flat = _EMAIL.sub(_REMOVED, re.sub(r"\s+", " ", text))
    around = {element.tag, *(parent.tag for parent in element.iterancestors())}
    return flat if "@" not in flat or around & _LITERAL else _MENTION.sub("", flat)


def _words(element: _Element) -> str:
    return " ".join("".join(map(str, element.itertext())).split())


def _is_notice(element: _Element) -> bool:
    if _NOTICE_CLASS.search(element.get("class") or ""):
        return True
    text = _words(element) if element.tag in ("p", "blockquote", "h2", "h3") else ""
    return len(text) < 600 and bool(_NOTICE.match(text))


def _tidied(text: str) -> str:
    """Remove the spaces and empty brackets that removed parts left."""
    text = re.sub(rf"[(<\[]\s*{_REMOVED}\s*[)>\]]|{_REMOVED}", "", text)
    text = re.sub(r"[ \t]{2,}", " ", text)
    text = re.sub(r"(?:,? |,)([,.;!?])(?=\s|$)", r"\1", text)
    lines = (line.strip() for line in text.split("\n"))
    return "\n".join(re.sub(r"^[,;:]\s*", "", line) for line in lines if line.strip(" ,;:"))


def _unsigned(text: str) -> str:
    """Remove thanks and names at the end, unless the text is nothing else."""
    for _ in range(3):
        shorter = _SIGNED.sub("", _FAREWELL.sub("", text)).rstrip()
        if not shorter or shorter == text:
            break
        text = shorter
    return text
