"""Formulas in markup as text, each said once: TeX where the page has it, else MathML read aloud.

Pages carry a formula up to four times: a picture, MathML, TeX and what a script made of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

_NAMES = "inline-formula|disp-formula|display-formula|inline-equation|alternatives|tex-math|math"
_ISLAND = re.compile(rf"<((?:[a-z]+:)?(?:{_NAMES}))\b[^<>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_LONGEST = 200_000  # of a text with formulas; no abstract comes near it
# one element of these is one formula, whatever is in it; the widest first
_FORMULAS = (
    ".katex-display, .katex, mjx-container, .inline-eqn, .display-eqn, .inline-formula, "
    ".InlineEquation, .EquationInline, inline-formula, disp-formula, math, tex-math"
)
_DOUBLES = (
    ".MathJax_Preview, .MathJax, .MathJax_Display, .MathJax_SVG, .MathJax_CHTML, .mjx-chtml, "
    ".MJX_Assistive_MathML, .katex-html, mjx-assistive-mml"
)
_ACCENTS = dict(zip("^ˆ~˜∼¯‾−→⃗˙.¨ˇ", "̂̂̃̃̃̄̄̄⃗⃗̇̇̈̌", strict=True))
_RELATIONS = set("=<>≤≥≠≈∼≃≅≡∈∉⊂⊆⊃⊇→←↔⇒⇔↦∝≪≫≲≳")
_PREAMBLE = re.compile(r"\\begin\{document\}(.*?)\\end\{document\}", re.DOTALL)
_DELIMITERS = ((r"\(", r"\)"), (r"\[", r"\]"), ("$$", "$$"), ("$", "$"))


def formulas_in_text(text: str) -> str:
    """Text with markup in it, its formulas replaced; what only looks like tags stays."""
    if "</" not in text or len(text) > _LONGEST:
        return text
    return _ISLAND.sub(lambda match: _escaped(_read_island(match[0])), text)


def replace_formulas(soup: BeautifulSoup | Tag) -> None:
    """Replace every formula of a parsed page (or a part of one) by its text, once."""
    if sources := soup.select("script[type^='math/']"):
        for script in sources:
            source = script.string or script.get_text()
            tex = "tex" in str(script["type"])
            text = _tex(source) if tex else _read_island(source)
            formula = script.find_parent(class_=["inline-eqn", "display-eqn", "inline-formula"])
            (formula or script).replace_with(text)
        for rendered in soup.select(_DOUBLES):
            rendered.decompose()
    for rendered in soup.select(".MathJax[data-mathml]"):
        rendered.replace_with(_read_island(str(rendered["data-mathml"])))
    for element in soup.select(_FORMULAS):
        if not is_gone(element):
            element.replace_with(_read(element))
    for rendered in soup.select(_DOUBLES):
        if not is_gone(rendered):
            rendered.decompose()


def is_gone(element: Tag) -> bool:
    """It, or what it stood in, was taken out (bs4's own ``decomposed`` searches copies in full)."""
    return element.__dict__.get("parent") is None


def _read_island(markup: str) -> str:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(_without_prefixes(markup), "html.parser")
    return _read(soup)


def _without_prefixes(markup: str) -> str:
    return re.sub(r"(</?)(?:mml|m|jats|ce|ali):", r"\1", markup)


def _read(element: Tag) -> str:
    """A formula's text: its TeX, else its MathML, else a picture's description, else its text."""
    tex = element.find("tex-math") or element.find("annotation", encoding=re.compile("tex", re.I))
    if tex is not None or element.name == "tex-math":
        return _tex((tex or element).get_text())
    math = element if element.name == "math" else element.find("math")
    if math is not None:
        said = str(math.get("alttext") or "").strip()
        if said and not said.lower().startswith(("math", "equation", "formula")):
            return _tex(said)
        return _linear(math).strip()
    text = element.get_text().strip()
    picture = element.find("img")
    if not text and picture is not None:
        return _tex(str(picture.get("alt") or ""))
    return text


def _tex(source: str) -> str:
    """TeX in dollars; as it is where nothing in it needs TeX to be read."""
    inside = _PREAMBLE.search(source)
    source = " ".join((inside[1] if inside else source).split())
    had_delimiters = False
    for opening, closing in _DELIMITERS:
        if (
            len(source) > len(opening + closing)
            and source.startswith(opening)
            and source.endswith(closing)
            and "$" not in source[len(opening) : -len(closing)]
        ):
            source = source[len(opening) : -len(closing)].strip()
            had_delimiters = True
            break
    source = re.sub(r"^\\(?:display|text)style\s*", "", source)
    while source.startswith("{") and source.endswith("}") and _is_one_group(source):
        source = source[1:-1].strip()
        source = re.sub(r"^\\(?:display|text)style\s*", "", source)
    if not source:
        return ""
    if had_delimiters or re.search(r"[\\^_{}]", source):
        return source if "$" in source else f"${source}$"
    return source


def _is_one_group(source: str) -> bool:
    depth = 0
    for place, char in enumerate(source):
        depth += (char == "{") - (char == "}")
        if depth == 0:
            return place == len(source) - 1
    return False


def _linear(node: Tag, depth: int = 0) -> str:
    """MathML in one line: ``x_i^2``, ``(a+b)/c``, ``√(n)``."""
    from bs4 import NavigableString, Tag

    name = node.name.split(":")[-1].lower()
    if name in ("annotation", "annotation-xml", "mphantom", "mspace", "none", "mprescripts"):
        return ""
    children = [child for child in node.children if isinstance(child, Tag)]
    if depth > 60:
        return " ".join(node.get_text(" ").split())  # no formula that a person has written
    if not children:
        strings = (part for part in node.children if isinstance(part, NavigableString))
        text = re.sub("[\u2061-\u2064]", "", " ".join("".join(strings).split()))
        return f" {text} " if name == "mo" and text in _RELATIONS else text
    parts = [_linear(child, depth + 1) for child in children]
    if name == "semantics":
        return parts[0]
    if name == "mfrac" and len(parts) == 2:
        return f"{_group(parts[0])}/{_group(parts[1])}"
    if name == "msqrt":
        return f"√({''.join(parts).strip()})"
    if name == "mroot" and len(parts) == 2:
        return f"({parts[0]})^(1/{parts[1]})"
    if name == "mover" and len(parts) == 2 and parts[1].strip() in _ACCENTS:
        return parts[0] + _ACCENTS[parts[1].strip()]
    if name in ("msup", "mover") and len(parts) == 2:
        prime = parts[1].strip() in ("′", "″", "'", "*", "∗", "†")
        return parts[0] + (parts[1].strip() if prime else f"^{_group(parts[1])}")
    if name in ("msub", "munder") and len(parts) == 2:
        return f"{parts[0]}_{_group(parts[1])}"
    if name in ("msubsup", "munderover") and len(parts) == 3:
        return f"{parts[0]}_{_group(parts[1])}^{_group(parts[2])}"
    if name == "mfenced":
        opening, closing = str(node.get("open", "(")), str(node.get("close", ")"))
        return opening + ", ".join(part.strip() for part in parts) + closing
    if name == "mtr":
        return ", ".join(part.strip() for part in parts)
    if name == "mtable":
        return "; ".join(part.strip() for part in parts)
    return "".join(parts)


def _group(part: str) -> str:
    part = part.strip()
    return part if re.fullmatch(r"[\w.∞+−*′-]?\w*", part) else f"({part})"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
