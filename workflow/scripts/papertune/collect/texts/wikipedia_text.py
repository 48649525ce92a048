"""Split a wiki's pages into sections of plain paragraphs, from text extracts or HTML."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from bs4 import Tag

from papertune.collect.texts.formulas import groups, is_gone
from papertune.collect.texts.markup import parsed
from papertune.collect.texts.text import raised, words
from papertune.sentences import composed, flat, without_runs, word_count

# headings of lists and notes in large Wikipedias; users add theirs in source.skip
BOILERPLATE = frozenset(
    """
    see also|references|notes|footnotes|external links|external link|further reading|bibliography
    |sources|citations|works cited|notes and references|references and notes|explanatory notes
    |general references|general sources|gallery|general and cited references|notes and citations
    |references and further reading|explanatory footnotes|endnotes|inline citations|cited sources
    |siehe auch|einzelnachweise|weblinks|literatur|anmerkungen|fußnoten|quellen|belege|nachweise
    |voir aussi|notes et références|références|liens externes|bibliographie|annexes|notes et sources
    |articles connexes|véase también|referencias|enlaces externos|bibliografía|notas
    |notas y referencias|voci correlate|altri progetti|collegamenti esterni|note|bibliografia
    |ver também|referências|ligações externas|notas e referências|zie ook|externe links|referenties
    |literatuur|bronnen|noten|zobacz też|przypisy|linki zewnętrzne|см. также|примечания|ссылки
    |литература|источники|脚注|関連項目|外部リンク|参考文献|出典|参见|参考资料|外部链接
    """.replace("\n    ", "")
    .strip()
    .split("|")
)
_JUNK = (
    "table, style, script, noscript, figure, audio, video, pre, form, input, .mw-editsection,"
    " sup.reference, .mw-ref, .mw-references-wrap, .reflist, .references, .refbegin, .navbox,"
    " .infobox, .sidebar, .vertical-navbox, .hatnote, .dablink, .shortdescription, .noprint,"
    " .noexcerpt, .metadata, .ambox, .toc, #toc, .thumb, .gallery, .mw-empty-elt, .portal,"
    " .sistersitebox, .side-box, .mw-authority-control, .mw-highlight, .IPA, .ext-phonos, .haudio,"
    " .respell, .Inline-Template, .coordinates, #coordinates, .navigation-not-searchable,"
    ' .mw-cite-backlink, .stub, .asbox, .rellink, .magnify, [role="navigation"], [role="note"]'
)
_BLOCKS = "p, div, section, article, ul, ol, li, dl, dt, dd, blockquote, center"
_END, _HEADING = "\x02", "\x03"  # marks the end of a paragraph, and both sides of a heading
_INVISIBLE = re.compile("[\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\x00-\x08\x0b-\x1f]")
_MARK = re.compile(
    r"(?<=[.,;:!?)\"”’»])(?:\[(?:\d{1,3}|[a-z]|(?:note|nb|n|lower-alpha) ?\d+)\])+"
    r"|\[(?:edit|citation needed|clarification needed|when\?|who\?|which\?|by whom\?|vague|dubious"
    r"|verification needed|better source needed|failed verification|update|page needed|according to"
    r" whom\?|original research\??|note \d+|nb \d+)[^\[\]]{0,20}\]",
    re.IGNORECASE,
)
_TEX_START = re.compile(r"\{\\(?:display|text|script|scriptscript)style\b\s*")
# the lines in which an extract spells a formula, before its TeX
_SPELLED = re.compile(r"[ \t]?\Z|[ \t]{2}")
_AFTER = re.compile(r"(?:[ \t]*\n[ \t]+(?=\n|\S|\Z)\n?)*")  # and those after it
_ENDS = re.compile(r"[.!?…。！？：；؟۔।॥።។။:;][\"'”’»」』）)\]]*$")
_ORDINALS = words("st nd rd th e er re o a")  # 19th is no power
WORDS_OF_PROSE = 8  # a shorter text that is no sentence is an item of a list of names


@dataclass(slots=True)
class Section:
    """A part of a page: its heading (empty for the lead), its level, its paragraphs."""

    heading: str = ""
    level: int = 1
    paragraphs: list[str] = field(default_factory=list)


def sections_of_extract(text: str) -> list[Section]:
    """The sections of a plain-text extract (``prop=extracts``; headings are ``== History ==``)."""
    return _sections(_with_tex(without_runs(text)).split("\n"), "=")


def sections_of_html(text: str) -> list[Section]:
    """The sections of a page's HTML from ``action=parse``.

    Tables, boxes, code, pictures, marks of references, links to edit and pronunciations are
    dropped; a formula is its TeX, ``$a^2$``.
    """
    soup = parsed(text)
    root = soup.select_one(".mw-parser-output") or soup
    for formula in root.select(".mwe-math-element, math"):
        if not is_gone(formula):
            formula.replace_with(f" {_tex_of(formula)} ")
    for junk in root.select(_JUNK):
        if not is_gone(junk):
            junk.decompose()
    for heading in root.select("h2, h3, h4, h5, h6"):
        mark, title = _HEADING * int(heading.name[1]), tidied(heading.get_text())
        heading.string = f"{_END}{mark}{title}{mark}{_END}" if title else _END
    for script in root.select("sup, sub"):
        said = "".join(script.get_text().split())
        mark = "^" if script.name == "sup" else "_"
        script.string = said if said.lower() in _ORDINALS else raised(said, mark)
    for element in root.select(f"br, {_BLOCKS}"):
        mark = " " if element.name == "br" else _END
        element.insert(0, mark)
        element.append(mark)
    return _sections(root.get_text().split(_END), _HEADING)


def without_boilerplate(sections: Iterable[Section], skip: Iterable[str] = ()) -> list[Section]:
    """The sections without references, links and the like, and without their subsections."""
    unwanted = BOILERPLATE | {heading.casefold().strip() for heading in skip}
    kept, dropped = [], 0  # the level of the dropped section around the current one
    for section in sections:
        if dropped and section.level > dropped:
            continue
        dropped = section.level if section.heading.casefold() in unwanted else 0
        if not dropped:
            kept.append(section)
    return kept


def tidied(text: str) -> str:
    """A paragraph in NFC without reference marks, empty brackets and double spaces."""
    text = _INVISIBLE.sub("", composed(text))
    text = _MARK.sub("", flat(text))
    for _ in range(2):  # brackets may be in brackets
        text = re.sub(r"\([\s;,:/–-]*+\)|\[\s*+\]", _kept_call, text)
    text = re.sub(r"\(\s*+[;,:][\s;,:]*+", "(", text)
    text = re.sub(r"(?<![\s;,:])\s*+[;,:][\s;,:]*+\)", ")", text)
    text = re.sub(r"\(\s+", "(", text)
    text = re.sub(r"(?<!\s)\s++([,;)]|\.(?!\.))(?=[\s,;)]|$)", r"\1", text)
    return " ".join(text.split())


def _kept_call(match: re.Match[str]) -> str:
    """Keep the brackets of code (``f()``, ``a[]``); those after a space have lost their content."""
    before = match.string[match.start() - 1 : match.start()]
    return match[0] if match[0] in ("()", "[]") and re.match(r"[\w.]", before) else ""


def _sections(lines: Iterable[str], mark: str) -> list[Section]:
    """Split lines at headings between marks; lists of names and stray signs are dropped."""
    found = [Section()]
    for line in map(str.strip, lines):
        levels = range(6, 1, -1) if line.startswith(2 * mark) else ()
        edges = ((level, mark * level) for level in levels if len(line) > 2 * level)
        if level := next((n for n, edge in edges if line[:n] == edge == line[-n:]), 0):
            found.append(Section(tidied(line[level:-level]), level))
            continue
        text = tidied(line)
        prose = _ENDS.search(text) or word_count(text) >= WORDS_OF_PROSE or "$" in text
        if prose and re.search(r"\w", text):
            found[-1].paragraphs.append(text)
    return found


def _tex_of(formula: Tag) -> str:
    """A formula as ``$…$``, from its annotation or else its picture's description."""
    annotation, picture = formula.find("annotation"), formula.find("img")
    tex = annotation.get_text() if annotation else ""
    tex = tex or str((picture.get("alt") if picture else "") or formula.get("alttext") or "")
    return f"${_unwrapped(tex)}$" if tex.strip() else formula.get_text(" ", strip=True)


def _unwrapped(tex: str) -> str:
    tex = " ".join(tex.split())
    start = _TEX_START.match(tex)
    return tex[start.end() : -1].strip() if start and tex.endswith("}") else tex


def _with_tex(text: str) -> str:
    """An extract with formulas as ``$…$``, without the lines that spell them before their TeX."""
    parts, position, ends = [], 0, groups(text) if _TEX_START.search(text) else {}
    while start := _TEX_START.search(text, position):
        line_end = text.find("\n", start.start())
        end = ends.get(start.start(), line_end if line_end >= 0 else len(text))
        before = text[position : start.start()].split("\n")
        while len(before) > 1 and _SPELLED.match(before[-1]):
            before.pop()
        parts.append(
            "\n".join(before).rstrip(" \t") + f" ${_unwrapped(text[start.start() : end])}$ "
        )
        position = _AFTER.match(text, end).end()  # type: ignore[union-attr]
    return "".join(parts) + text[position:]
