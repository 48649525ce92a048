"""Title and abstract of a paper, from its first pages.

The title is the largest text there but for the journal, the kind of article or a number. The
abstract has a heading, or is the paragraph between the authors or a manuscript's dates and the
keywords or the introduction, or is set in bold before text that is not.
"""

import re
from collections import Counter
from collections.abc import Iterator
from heapq import nlargest
from itertools import groupby, pairwise, zip_longest

from papertune.collect.texts.endings import own_abstract
from papertune.collect.texts.is_abstract import is_abstract, is_unfinished
from papertune.collect.texts.languages import ABSTRACT, KEYWORDS, language_among, language_of
from papertune.collect.texts.pdf_lines import Line, is_bold, is_italic
from papertune.collect.texts.pdf_text import joined, paragraphs, paragraphs_of, plain
from papertune.collect.texts.text import clean, letters
from papertune.sentences import composed, is_spaceless, word_count

_FRONT = 12_000  # letters in which an abstract begins
_LONGEST = 4_000  # letters of an abstract; a longer one has run into the text
_ABSTRACT = re.compile(
    r"(?:^|\n)[ \t]*(?:\d\.?[ \t]+)?(?:A\s?BSTRACT|Abstract|SUMMARY|Summary|SYNOPSIS|Synopsis)"
    r"(?:[ \t]*+[:.—–-]++[ \t]*+|[ \t]*+\n++|[ \t]++(?=[A-Z]))"
    r"|(?:^|\n)[ \t]*(?:A B S T R A C T|S U M M A R Y|a b s t r a c t|S Y N O P S I S)\s*+[:.]?\s*+"
    rf"|(?:^|\n)[ \t]*[\[【〔（(]?(?i:{ABSTRACT})(?:[\]】〕）)]|[ \t]*+[:：.—–][ \t.—–-]*+|[ \t]*+\n)\s*"
    # in bold before the first sentence
    r"|(?:^|\n)(?i:Zusammenfassung|Kurzfassung|Résumé|Resumen|Resumo|Riassunto|Sommario|Samenvatting"
    r"|Sammendrag|Sammanfattning|Streszczenie|Аннотация) (?=[A-ZÀ-ÞА-Я])"
)
_INTRODUCTION = (
    r"(?:(?:1|I|1\.|I\.|§ ?1\.?)\s+(?!.{0,80}\. \. \.)[A-ZÀ-ÞА-Я]"
    r"|(?:I ?n ?t ?r ?o ?d ?u ?c ?t ?i ?o ?n|Einleitung|Einführung|Introducción|Introdução|Introduzione"
    r"|Inleiding|Inledning|Введение|Wstęp)\b|[1一][.、 ]? ?[\u3400-\u9fff])"
)
_TERMS = (
    rf"(?:(?:author )?key\s?-?words?\b|[\[【〔（(]?(?:{KEYWORDS})"
    r"|index terms\b|ccs concepts\b|categories and subject\b|general terms\b|unified astronomy thesaurus\b"
    r"|(?:(?:19|20)\d\d )?(?:(?:PACS|MSC|JEL|AMS|UDC)\b|(?:mathematics )?subject classification))"
)
_ABSTRACT_ENDS = re.compile(
    rf"(?<!\s)[^\S\n]*+\n\s*+(?:{_TERMS}|{_INTRODUCTION}|(?-i:\d\.?(?:\d\.?)? [A-ZÀ-Þ][\w ]{{2,60}}\n)"
    r"|acm reference\b|permission to make"
    r"|(?:©|copyright)|[*∗†‡]\s?(?:corresponding|equal)|corresponding authors?\b|nomenclature\b"
    r"|(?:chapter|kapitel|chapitre|capítulo|capitolo|hoofdstuk) [\dIVX]"
    r"|(?:table of )?contents\b|inhaltsverzeichnis|sommaire|table des mati|índice|sumário|目录"
    r"|article (?:info|history)\b|a r t i c l e|received:? |available online"
    r"|e-?mail(?: address(?:es)?)?:|doi\b|https?://(?:dx\.)?doi\.org|author note|this work is licensed)",
    re.IGNORECASE,
)
# the line below an abstract that has no heading
_CLOSES = re.compile(rf"{_TERMS}|{_INTRODUCTION}|doi ?:|https?://(?:dx\.)?doi\.org", re.I)
# of these, lines that are also found above one: an address, or the first affiliation
_OPENS = re.compile(r"doi ?:|https?://|1\W? ?(?!introduction)[^,.]{3,80},", re.I)
_CLOSES_INSIDE = re.compile(r"(?<=[.!?]) (?:PACS|Key ?words|Keywords|MSC|CCS) ?[\w ]{0,12}:", re.I)
# the dates of a manuscript, above an abstract that has no heading
_DATED = re.compile(
    r"(?:^|[\s(])\(?(?:Dated|Received|Submitted|Accepted|Published|Revised)\b[^.]{0,40}?"
    r"(?:\d{1,2} [A-Z][a-z]+|[A-Z][a-z]+ \d{1,2},) ?(?:19|20)\d\d[^.]{0,150}\)?\.?$"
)
_NOTE = re.compile(
    r"^\W*(?:(?:the )?authors? (?:thanks?|(?:is|are) grateful|gratefully)|(?:we|i) thank\b|supported by\b"
    r"|(?:this|the) (?:work|research|study|paper|article|project) (?:was|is|has been|were) (?:partly |"
    r"partially |financially )?(?:supported|funded|licen[cs]ed|distributed|published|to appear|accepted"
    r"|available)"
    r"|(?:contents )?lists? available|manuscript received|permission|copyright|©|corresponding|e-?mail"
    r"|correspondence|this is (?:an open|a pre-?print|the)|preprint|to appear|note:|draft\b|reprint"
    r"|accepted (?:for|by|to)|published|\d* ?(?:department|dept|school|faculty|institute?|university|college"
    r"|laborator)\w*\b.{0,80},|acknowledge?ments?|how to cite|cite (?:this|as)|citation:|editors?:"
    r"|academic editor|received\b|keywords?\b|contents\b|table of contents|figure \d|fig\. ?\d|table \d"
    r"|dedicated to|downloaded|[∗*†‡§¶]|\(?some figures)"
    r"|^(?:[^@.!?]|[.!?](?! )){1,150}+@\w",  # an address, before any sentence
    re.IGNORECASE,
)
_NO_TITLE = re.compile(
    r"untitled|undefined|microsoft|\.(?:docx?|tex|dvi|pdf|indd|fm|ps|rtf|odt|qxd|eps|wpd)\b|template"
    r"|^\s*(?:title|paper|document|manuscript|main|article|full ?text|layout|presentation|slide"
    r"|no title(?: given)?|new|draft|final|version|\d++)\s*+\d*+\s*+$|^(?:doi|arxiv|pii|ssrn)?:?\s*10\.\d{4}"
    r"|^(?:arxiv|pii|hal|doi)\s?[:-]|proceedings of|\b\d+\.\.\d+$|powerpoint"
    r"|^[A-Z]?\d[\w.()-]*$|\b(?:19|20)\d\d\), (?:article )?no\.",
    re.IGNORECASE,
)
# large text above a title, or in its place
_BANNER = re.compile(
    r"^\W*+(?:(?:(?:original|short|brief|rapid|review|regular|full|invited|special|research|technical|case"
    r"|mini|data|open|discussion|working|white|position|conference|workshop|feature|featured)[ -]?)*"
    r"(?:research|articles?|papers?|letters?|reports?|communications?|reviews?|perspectives?|contributions?"
    r"|notes?|commentary|comment|manuscript|access|original|preprint|draft|survey|analysis|editorial"
    r"|viewpoint|correspondence)(?: series)?"
    r"|(?:ph\.?d\.?|doctoral|master(?:'s|’s|s)?|bachelor(?:'s|’s|s)?)? ?(?:thesis|dissertation)"
    r"|diplomarbeit|masterarbeit|bachelorarbeit|seminararbeit|dissertation|(?:table of )?contents"
    r"|inhaltsverzeichnis|(?:graphical )?abstract|highlights|summary|introduction|image|logo"
    r"|check for updates"
    r"|proceedings|(?:author )?accepted manuscript|tesi di (?:laurea|dottorato).{0,20}|t e s i s)\W*+$"
    r"|^\W*+(?:arxiv:|https?:|www\.|doi\b|10\.\d{4,}|issn\b|isbn\b|vol(?:ume|\.)? ?\d|contents lists"
    r"|available online|journal homepage|draft version|typeset using|downloaded|[\w.+-]++@"
    r"|see discussions|citations?\W*+$|reads\W*+$|hal id|submitted (?:to|on|in)\b|published (?:in|as|by)"
    r"|(?:the )?(?:international |european |american |british |new |journal of the )?(?:journal|transactions"
    r"|annals|archives?|proceedings|bulletin|acta|revista|zeitschrift|letters in|physical review|physica"
    r"|physics letters|lecture notes|frontiers in|advances in|ieee (?:transactions|access|journal)|plos"
    r"|nature [a-z]+$|scientific reports|bmc) ?(?:of|in|on|for|de|für|[a-z]+)?\b.{0,60}?"
    r"(?:[\s(,]\d{1,4}|\b[a-z]$|$))"
    r"|^(?-i:(?:[A-Z][a-z]+ ){1,2}Journal (?:of|for|on) [A-Z][\w &-]{3,50}$)"
    r"|^[A-Z]{2,12}(?: ?\d{2,4})?[-–]?[\dX]{3,8}(?:[-–][\dX]{1,6})?$|^\W*+\d[\d\s/.:–-]*$|^(?:1|I)\.? [A-Z]"
    r"|^(?:the )?(?:\d+(?:st|nd|rd|th)|proceedings|(?:ieee|acm|annual|international|european)\b.{0,60}"
    r"(?:conference|congress|symposium|workshop))\b"
    r"|(?:\. ?){5}"  # in a table of contents
    r"|\b(?:january|february|march|april|may|june|july|august|september|october|november|december) \d{1,2}"
    r"(?:[–-]\d{1,2}|[–-] ?[a-z]{3,9} \d{1,2})?,? (?:19|20)\d\d\b",
    re.IGNORECASE,
)
# a person with a footnote or affiliation mark
_PERSON = re.compile(
    r"^(?:[A-Z][\w.’'-]*\.? ){1,3}[A-Z][\w’'-]+ ?[\d∗*†‡§¶]+ ?(?:[,&\d∗*†‡§¶]|\band\b|[A-Z])"
    r"|^[\w.+-]+@"
)


def title_of(named: str, lines: list[Line]) -> str:
    """The metadata's title if the first page has it, else the page's largest text that may be one.

    If no text may be one, the metadata's title, which may be empty.
    """
    named = clean(plain(named))
    if (
        not _is_long(named)
        or " " not in named.strip() + " " * is_spaceless(named)
        or _NO_TITLE.search(named)
    ):
        named = ""
    page, wanted = (
        letters(composed(text, "NFKC")) for text in ("".join(line.text for line in lines), named)
    )
    if named and wanted in page:
        return named
    return next(_titles(lines), named)


def _titles(lines: list[Line]) -> Iterator[str]:
    """Possible titles, the likeliest first: larger than the text, else in bold above it."""
    upper = [line for line in lines if sum(char.isalpha() for char in line.text) >= 2]
    usual = _usual(upper)
    # text beside a title may come before it
    highest = nlargest(max(12, len(upper) // 3), (line.bottom for line in upper))
    upper = [line for line in upper if line.bottom >= highest[-1]]
    blocks: list[list[Line]] = []
    for line in upper:
        if not blocks or not _goes_on(blocks[-1], line):
            blocks.append([])
        blocks[-1].append(line)
    size = _type_size(lines) if sum(len(line.text) for line in lines) > 600 else 0.0
    large = [block for block in blocks if block[0].points > 1.08 * size]
    largest = max((block[0].points for block in large), default=0.0)
    large.sort(key=lambda block: -min(block[0].points, 0.95 * largest))
    bold = [block for block in blocks if is_bold(block[0].font) and not is_bold(usual)]
    for block in [*large, *bold]:
        title = clean(joined([line.text for line in block])).rstrip(" ∗*†‡§⋆,")
        if _is_long(title) and len(title) <= 300 and not _BANNER.search(title):
            yield title


def _goes_on(block: list[Line], line: Line) -> bool:
    """Whether a line continues a block of type: as large, as bold, close below, and no authors."""
    last = block[-1]
    return (
        abs(line.points - last.points) <= 0.07 * last.points
        and is_bold(line.font) == is_bold(last.font)
        and is_italic(line.font) == is_italic(last.font)
        and 0 <= last.bottom - line.bottom <= _most_gap(block)
        and _capitals(line.text) >= _capitals(last.text)
        and not _BANNER.search(last.text)
        and not _PERSON.search(line.text)
    )


def _most_gap(block: list[Line]) -> float:
    if len(block) < 2:
        return 1.75 * block[0].size
    return 1.25 * (block[0].bottom - block[1].bottom)


def _capitals(text: str) -> bool:
    """Whether a line is set in capitals; a name in it may not be."""
    large = sum(map(str.isupper, text))
    return large >= 6 and large > 2 * sum(map(str.islower, text))


def _type_size(lines: list[Line]) -> float:
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.points, 1)] += len(line.text)
    return sizes.most_common(1)[0][0]


def _usual(lines: list[Line]) -> str:
    """The font of most of a page's letters."""
    fonts: Counter[str] = Counter()
    for line in lines:
        fonts[line.font] += len(line.text)
    return fonts.most_common(1)[0][0] if fonts else ""


def _is_long(title: str) -> bool:
    return len(title) >= 8 or (is_spaceless(title) and word_count(title) >= 3)


def abstract_of(text: str, title: str = "") -> str:
    """The abstract under a heading in a paper's text; an empty string if there is none.

    Args:
        text: Paragraphs separated by empty lines.
        title: Of abstracts in several languages, the one in the title's is taken.
    """
    starts, found = list(_ABSTRACT.finditer(text[:_FRONT])), []
    for start, after in zip_longest(starts, starts[1:]):
        most = start.end() + _LONGEST + 2_000
        rest = text[start.end() : min(after.start() if after else most, most)]
        opening, _, more_of_it = rest.partition("\n\n")
        if letters(opening) == letters(title):
            rest = more_of_it
        end = _ABSTRACT_ENDS.search(rest)
        whole = end.start() if end else len(rest) if after else _LONGEST + 1
        body = rest[:whole] if whole <= _LONGEST else rest.split("\n\n")[0]
        head, *more = body.split("\n\n")
        body = "\n\n".join([head, *(part for part in more if not _NOTE.search(part))])
        abstract = _own(body, title)
        listed = re.match(r"[\d. ]+$|.{0,60}(?:\. ?){5}", abstract)  # a table of contents
        if is_abstract(abstract) and not listed and letters(abstract) != letters(title):
            found.append(abstract)
    languages = [(language_of(abstract), abstract) for abstract in found]
    # the text after the abstracts is in the paper's language; titles are short, and may be several
    own = language_of(text[_FRONT:])
    wanted = own if own in dict(languages) else language_among(languages, title)
    return next((abstract for language, abstract in languages if language == wanted), "") or next(
        iter(found), ""
    )


_NOTE_MARK = re.compile(r"(?<=[^\W\d_][.!?]) ?\d{1,2}(?:[,–-]\d{1,2}){0,5}$")


def _own(text: str, title: str = "") -> str:
    """An abstract without additions, and without a note's or reference's mark at its end."""
    return _NOTE_MARK.sub("", own_abstract(clean(text), title))


def lead_of(lines: list[Line]) -> str:
    """The abstract on a first page without a heading for it; an empty string if there is none."""
    # without running heads that only the first page has
    lines = [line for line in lines if not (line.margin and line.apart)]
    return _without_heading(paragraphs(lines).split("\n\n")) or _in_bold(lines)


def _without_heading(parts: list[str]) -> str:
    """The paragraph below the dates or above the keywords, the classification or the introduction."""
    prose = next((at for at, part in enumerate(parts) if _is_lead(_own(part), 120)), len(parts))
    end = next(
        (
            at
            for at, part in enumerate(parts)
            if at and _CLOSES.match(part) and (at > prose or not _OPENS.match(part))
        ),
        None,
    )
    for at, part in enumerate(parts[1 : len(parts) if end is None else end], 1):
        below_dates = bool(_DATED.search(parts[at - 1][-300:]))
        inside = _CLOSES_INSIDE.search(part)
        said = clean(part[: inside.start()] if inside else part)
        if below_dates and end and not inside and len(part) > 120:  # it may have several paragraphs
            said = clean(" ".join(one for one in parts[at:end] if not _NOTE.search(one)))
        if (below_dates or inside) and _is_lead(said, 120):
            return own_abstract(said, "")
    before = (
        [_own(part) for part in parts[1:end] if len(part) >= 60 and not _NOTE.search(part)]
        if end
        else []
    )
    # after other paragraphs the last is only a part of it, or the text
    alone = not any(_is_lead(part, 120) for part in before[:-1])
    return before[-1] if before and alone and _is_lead(before[-1], 200) else ""


def _is_lead(text: str, shortest: int) -> bool:
    """Whether a text may be an abstract by its content alone: complete sentences, and no note."""
    if is_spaceless(text):
        return 80 <= len(text) <= _LONGEST and is_abstract(text) and not is_unfinished(text)
    return (
        shortest <= len(text) <= _LONGEST
        and is_abstract(text)
        and not is_unfinished(text)
        and not _NOTE.search(text)
        and bool(language_of(text))
    )


def _in_bold(lines: list[Line]) -> str:
    """The first paragraph if it alone is in bold, as in Nature and Science; else an empty string."""
    if is_bold(_usual(lines)):
        return ""
    runs = [
        (bold, [line for paragraph in group for line in paragraph])
        for bold, group in groupby(
            paragraphs_of(lines), lambda paragraph: all(is_bold(line.font) for line in paragraph)
        )
    ]
    for (bold, run), (_, after) in pairwise(runs):
        leads = [line for line in run if line.size < 1.3 * after[0].size] if bold else []
        said = _own(joined([line.text for line in leads]))
        if _is_lead(said, 250):
            return said
    return ""
