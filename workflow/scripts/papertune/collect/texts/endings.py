"""Remove what publishers and databases add after an abstract, in the same field.

These are keywords, subject classes, rights, how to cite it, dates, comments on the file,
references, and summaries for other audiences. Real sentences about keywords and rights stay.
"""

import re
from itertools import islice

from papertune.collect.texts.languages import (
    ABSTRACT,
    KEYWORDS,
    by_language,
    language_among,
    language_of,
)
from papertune.collect.texts.text import letters

_YEAR = r"(?:19|20)\d\d"
_PUBLISHERS = (
    r"(?:Elsevier|Springer|Wiley|Blackwell|Oxford|Cambridge|Taylor|Informa|IEEE|ACM|AIP|IOP|SAGE|MDPI"
    r"|Academic Press|American|Royal|Association|Institute|Society|Lippincott|Wolters|Karger|Thieme"
    r"|World Scientific|John|Mary Ann|BMJ|Nature|Macmillan|Kluwer|Emerald|Hindawi|Walter|de Gruyter)"
)
# a label; all that follows is removed unless it is prose
_LISTS = (
    r"(?:Author |Article |Additional |Other |Free |Uncontrolled )?(?:Key ?-? ?[Ww]ords?"
    r"|KEY ?-? ?WORDS?)"
    r"(?: [Aa]nd [Pp]hrases)?(?: \([^()]{1,30}\))? ?(?:[:：.—–;|-]|(?=[A-Z])"
    r"|(?=[\w -]{2,60}[;,] ?[\w -]{2,60}(?:[;,]|\.?$)))"
    rf"|(?i:{KEYWORDS}) ?[:：.—–]"
    r"|(?:Index|INDEX) (?:Terms|TERMS|terms) ?[:.—–-]+"
    r"|(?:(?:19|20)\d\d )?(?:PACS|MSC|AMS|JEL|UDC|УДК|MeSH|MESH)\b[\w (),#/-]{0,45}[:.—–]"
    r"|(?:(?:19|20)\d\d )?(?:AMS |MSC |Math(?:ematics"
    r"|\.)? )?(?:Mathematics )?[Ss]ubject [Cc]lassifications?\b"
    r"[\w (),-]{0,25}[:.—–]?"
    r"|JEL [Cc](?:lassification|odes?)\b|CCS (?:Concepts|CONCEPTS) ?[:•→]"
    r"|(?:ACM )?(?:Computing )?[Cc]lassification"
    r" [Ss]ystem|Unified Astronomy Thesaurus [Cc]oncepts ?:"
    r"|Categor(?:ies|y) and [Ss]ubject [Dd]escriptors?|(?:Additional )?General Terms ?[:.—–]"
    r"|(?:(?:Medical |MeSH |Library of Congress |Physics )?[Ss]ubject (?:[Hh]eadings?|[Aa]reas?"
    r"|[Cc]ategor(?:y|ies)"
    r"|[Tt]erms?|[Dd]escriptors?)|Subjects?|Topics?|Disciplines?|Descriptors|Identifiers"
    r"|Research [Aa]reas?)"
    r"(?: \([^()]{1,30}\))? ?[:：—–]"
    r"|(?:MeSH|Emtree|EMTREE) (?:[Tt]erms|[Hh]eadings|[Kk]eywords)\b"
    r"|Comments? ?:(?=.{0,200}\b(?:pages?|figures?|LaTeX|accepted|appear|submitted|version|tables?"
    r"|typos|pp)\b)"
    r"|(?:Manuscript )?(?:Received|Accepted|Submitted|First published|Available|Published)(?: online"
    r"| electronically)?"
    rf"(?: on| in|:)? (?=[\w ,./-]{{3,30}}\b{_YEAR})"
    r"|(?:Online )?(?:DOI|doi) ?:? ?(?=10\.)|https?://(?:dx\.)?doi\.org/10\."
    r"|(?:E-?ISSN|ISSN|ISBN)\b"
    r"|(?:Abstract |Article |PDF |Total |Page )?(?:[Vv]iews?|[Dd]ownloads?|[Hh]its) ?: ?\d"
    r"|This article is categorized under\b|[•·]? ?(?:Highlights|HIGHLIGHTS) ?[:•]|Abbreviations ?[:]"
)
# a few sentences at most are removed
_RIGHTS = (
    r"(?:Crown )?(?:Copyright|COPYRIGHT)\b\W{0,4}(?:\([cC]\) ?)?"
    rf"(?=(?:by |of |for )?(?:[Tt]he )?(?:this .{{0,20}})?(?:[Aa]uthors?|{_YEAR}|{_PUBLISHERS}|is held"
    rf"|remains))"
    rf"|(?:©|\([cC]\)|&copy;?) ?(?=[\w ,.'&/()–-]{{0,90}}\b(?:{_YEAR}|[Aa]uthor|[Rr]ights|{_PUBLISHERS}))"
    r"|\(?(?:PsycINFO|PsycInfo) Database Record\b|All [Rr]ights [Rr]eserved\b"
    rf"|(?:Published|Produced|Hosting|Production and hosting) by (?:[A-Z][\w&.]+ ){{0,3}}{_PUBLISHERS}\b"
    r"|\[(?:ABSTRACT|Abstract) (?:FROM|from) (?:AUTHOR|PUBLISHER|author|publisher)\]"
    r"|\((?:Abstract )?[Bb]y the [Aa]uthors?\)$"
    r"|\([Aa]uthor(?:s'|'s|s)?(?: abstract)?\)$"
    r"|(?:This|The) (?:is an open[- ]access (?:article|paper)|article is (?:protected by copyright"
    r"|published"
    r" (?:under|with open)|(?:distributed|licensed|made available|an open[- ]access) (?:under|in|article))"
    r"|work is licensed under|(?:article|paper|work) is (?:distributed|licensed) under)\b"
    r"|(?:Licensee|Distributed under)\b|(?:Reproduced|Reprinted|Reused) (?:with|by) permission\b"
    r"|Springer(?:-Verlag| Science|[- ]Nature)\b(?=.{0,60}\d{4})|Wiley (?:Periodicals|-Liss)\b"
    r"|[\"']?(?:How to )?[Cc]ite (?:as|this (?:article|paper|chapter|version)[\w\s]{0,20}) ?[:.—–]"
    r"|(?:How to cite|To cite this (?:article|paper|version|document)|(?:Recommended|Suggested"
    r"|Preferred) [Cc]itation"
    r"|ACM Reference Format)\b|(?:Cite as|Citation|CITATION) ?[:—–]"
)
# labels after which everything is removed
_ANOTHER = (
    r"(?:References|REFERENCES|Bibliography|Literature [Cc]ited|LITERATURE CITED) ?:? ?\[?1[\].)]"
    r"|(?:1\.?|I\.) (?:INTRODUCTION|Introduction)\b(?! ?:)"
    r"|(?:Plain[- ][Ll]anguage|PLAIN[- ]LANGUAGE|Lay|LAY|Author|Editorial|Teaser|Graphical|GRAPHICAL"
    r"|Visual|Video)"
    r" (?:[Ss]ummary|SUMMARY|[Aa]bstract|ABSTRACT|[Tt]easer)\b ?[:.—–]?(?= ?[A-Z])"
    r"|(?:#{2,6} )?(?:Competing|Conflicts? of|Declaration of) [Ii]nterests?(?: [Ss]tatements?)? ?:?"
    r"(?= (?:(?:The|All) [Aa]uthors?|No|None)\b)|View the full text of this paper in\b"
    r"|Significance [Ss]tatement ?[:.]?(?= ?[A-Z])|Public [Ii]nterest [Ss]tatement\b|Teaser ?:|TL;DR ?:"
    r"|@(?:[Aa]rticle|[Ii]n[Pp]roceedings|[Ii]n[Cc]ollection|[Bb]ook|[Mm]isc|[A-Z]{4,16}) ?\{"
)
# the reference of the paper: J. Comp. Neurol. 500:1–10, 2007
_PLACE = (
    rf"\(?(?:[A-Z][\w.&-]{{0,14}},? ){{1,6}}(?:{_YEAR}[;,:]? ?)?\d{{1,4}}(?: ?\(\d[\d–-]*\))?[:,]"
    r" ?[A-Z]?\d+ ?[–-] ?[A-Z]?\d+"
    rf"(?:[,.]? ?\(?{_YEAR}\)?)?\.?\)?$"
)
_AT_A_BREAK = r"(?:(?<=[.!?:;)\]}\"”’%。！？|])|(?<=[.!?]\*)) ?(?:\| ?)?"
# keywords have a colon and a capital: what comes before them may have no full stop
_SURE = (
    r" (?=(?:(?:Author )?(?:Key ?-?[Ww]ords?|KEY ?-?WORDS?)|Index Terms|PACS|MSC|JEL"
    r"|CCS)\b[^.]{0,50}?[:—–]|©)"
)
_ENDING = re.compile(
    rf"(?:{_AT_A_BREAK}|{_SURE})"
    rf"(?:(?P<another>{_ANOTHER})|(?P<rights>{_RIGHTS})|(?P<list>{_LISTS})|(?P<place>{_PLACE}))"
)
_TRANSLATION = re.compile(
    rf"(?:(?<=[.!?;)\]。！？]) ?| (?=\[?[A-ZÀ-ÝА-Я]))[\[【(]?(?:Abstract|ABSTRACT|Summary|SUMMARY"
    rf"|(?i:{ABSTRACT}))\b[\]】)]? ?[:：.—–-]? ?(?=\S)"
)
_PROSE = re.compile(
    r"\b(?:we|is|are|was|were|been|has|have|had|this|these|that|which|can|may|our|it|they|should|will)\b",
    re.I,
)
_FIRST = re.compile(
    r"^(?:(?:Copyright ?)?(?:©|\([cC]\))|Copyright (?=\d{4})) ?"
    r"(?:[^.]|\.(?=[\w,])|(?<=\b[A-Z])\.|(?<=\b(?:Ltd|Inc"
    r"|Pty))\.(?=[ ,]+[A-Z]\w*\.)){2,140}?\.(?!\w) (?=\S)"
    r"(?:(?:All [Rr]ights [Rr]eserved|(?:Published|Hosted) by [^.]{3,50}?(?:B\.V|Ltd|Inc|S\.A)?"
    r"|(?:The )?Authors?(?:\(s\))?"
    r"|Open [Aa]ccess[^.]{0,40})\.(?!\w) ?)*"
)
# "Abstract We show" has a heading, "Abstract State Machines" has none
_LABEL = re.compile(
    r"^(?:abstract|ABSTRACT|Abstract)[.:]?\s+(?=[\"“(]?[A-Z0-9])(?!(?:State|Syntax|Data|Interpretation"
    r"|Argumentation|Algebra|Domains?|Machines?|Types?|Classes|Class|Reasoning|Meaning|Art|Painting"
    r"|Concepts?|Nouns?|Dialectical|Harmonic|Rewriting|Games?|Thinking|Mathematics|Solvers?)\b)"
)
# INSPIRE's note on the origin of the abstract
_OWNER = re.compile(
    r"^\((?:arXiv|APS|IOP|AIP|SISSA|author|publication|Elsevier|Springer)\) (?=[A-Z])"
)
_ELLIPSIS = re.compile(r"\.\.\.|…")
_SENTENCE_END = re.compile(r"[.!?]\s+(?=[A-Z])")
_MOST_RIGHTS, _MOST_TERMS = 700, 1500
_SHORTEST = 60  # letters; a shorter text is no abstract with an addition


def trimmed(text: str) -> str:
    """An abstract without what publishers add after it (and rights before it).

    Args:
        text: Cleaned by :func:`papertune.collect.texts.text.clean`.
    """
    text = _OWNER.sub("", once(without_label(text)), count=1)
    start = _FIRST.match(text)
    if start and re.search(_YEAR, start[0]) and len(text) - start.end() > _SHORTEST:
        text = text[start.end() :]
    while (at := _last_ending(text)) >= 0:
        text = text[:at].rstrip(" |•;,—–-(")
    return text


def without_label(text: str) -> str:
    """A text without the word "Abstract" before it; a sentence about the abstract keeps it."""
    return _LABEL.sub("", text, count=1)


def once(text: str) -> str:
    """A text without a preview of itself before it, as pages have it for "show more"."""
    for ellipsis in islice(_ELLIPSIS.finditer(text, _SHORTEST), 3):
        before, behind = letters(text[: ellipsis.start()]), text[ellipsis.end() :]
        # the last word before may be half a word
        if letters(behind[: 2 * ellipsis.start()]).startswith(before[: max(len(before) - 12, 40)]):
            return behind.strip()
    half, odd = divmod(len(said := letters(text)), 2)
    if not odd and half > 2 * _SHORTEST and said[:half] == said[half:]:
        places = [place for place, one in enumerate(text) if letters(one)]
        return text[places[half] :]
    return text


def own_abstract(text: str, title: str) -> str:
    """The abstract in a database's field: :func:`trimmed`; of several languages, the title's."""
    parts = by_language(text)
    wanted = language_among(parts, title)
    return trimmed(next((part for language, part in parts if language == wanted), parts[0][1]))


def _last_ending(text: str) -> int:
    """The position of the last addition after an abstract; -1 if there is none."""
    for match in reversed(list(_ENDING.finditer(text, _SHORTEST))):
        rest = text[match.end() :]
        longest = {"rights": _MOST_RIGHTS, "list": _MOST_TERMS}.get(str(match.lastgroup), len(rest))
        if len(rest) <= longest and not (match.lastgroup == "list" and _is_prose(rest)):
            return match.start()
    for match in _TRANSLATION.finditer(text, _SHORTEST):
        mine, other = language_of(text[: match.start()]), language_of(text[match.end() :])
        if mine and other and mine != other:
            return match.start()
    return -1


def _is_prose(text: str) -> bool:
    """Whether a text has a real sentence."""
    said = (part for part in _SENTENCE_END.split(text) if len(part.split()) >= 8)
    return any(map(_PROSE.search, said))
