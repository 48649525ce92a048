"""Convert formulas in markup to text, each once: TeX if the page has it, else linear MathML.

Pages have a formula up to four times: as a picture, MathML, TeX and a script's rendering.
"""

import re
from html import escape

from bs4 import BeautifulSoup, NavigableString, Tag

_NAMES = "inline-formula|disp-formula|display-formula|inline-equation|alternatives|tex-math|math"
_ISLAND = re.compile(
    rf"<((?:[a-z]+:)?(?:{_NAMES}))\b[^<>]*>(?:(?!<\1\b).)*?</\1\s*>", re.IGNORECASE | re.DOTALL
)
_LONGEST = 200_000  # characters of a text with formulas; no abstract is nearly as long
_MOST_GROUPS = 20  # nested braces around a whole formula
LONG_NUMBER = re.compile(r"&#\d{20,}+;?")  # a character reference too long for Python to read
# each such element is one formula, whatever is in it; the outermost first
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
_DELIMITERS = ((r"\(", r"\)"), (r"\[", r"\]"), ("$$", "$$"), ("$", "$"))
_STYLE = re.compile(r"^\\(?:display|text)style\s*")
# MathML element and number of children → text: {p[0]} unchanged, {g[0]} in brackets if needed
_LINEAR = {
    ("mfrac", 2): "{g[0]}/{g[1]}",
    ("mroot", 2): "({p[0]})^(1/{p[1]})",
    ("msup", 2): "{p[0]}^{g[1]}",
    ("mover", 2): "{p[0]}^{g[1]}",
    ("msub", 2): "{p[0]}_{g[1]}",
    ("munder", 2): "{p[0]}_{g[1]}",
    ("msubsup", 3): "{p[0]}_{g[1]}^{g[2]}",
    ("munderover", 3): "{p[0]}_{g[1]}^{g[2]}",
}
_BETWEEN = {"mfenced": ", ", "mtr": ", ", "mtable": "; "}


def formulas_in_text(text: str) -> str:
    """Text with markup, its formulas replaced by text; what only looks like a tag stays."""
    if "</" not in text or len(text) > _LONGEST:
        return text
    return _ISLAND.sub(lambda match: escape(_read_island(match[0]), quote=False), text)


def replace_formulas(soup: BeautifulSoup | Tag) -> None:
    """Replace every formula of a parsed page (or a part of one) by its text, in place."""
    if sources := soup.select("script[type^='math/']"):
        for script in sources:
            source = script.string or script.get_text()
            tex = "tex" in str(script["type"])
            text = _tex(source) if tex else _read_island(source)
            formula = script.find_parent(class_=["inline-eqn", "display-eqn", "inline-formula"])
            (formula or script).replace_with(text)
        drop(soup, _DOUBLES)
    for rendered in soup.select(".MathJax[data-mathml]"):
        rendered.replace_with(_read_island(str(rendered["data-mathml"])))
    for element in soup.select(_FORMULAS):
        if not is_gone(element):
            element.replace_with(_read(element))
            element.decompose()  # and the formulas within it
    drop(soup, _DOUBLES)


def drop(soup: BeautifulSoup | Tag, css: str) -> None:
    """Remove the elements that a selector finds."""
    for element in soup.select(css):
        if not is_gone(element):
            element.decompose()


def is_gone(element: Tag) -> bool:
    """Whether an element or an ancestor was removed (bs4's ``decomposed`` is slow on copies)."""
    return element.__dict__.get("parent") is None


def _read_island(markup: str) -> str:
    plain = re.sub(r"(</?)(?:mml|m|jats|ce|ali):", r"\1", markup)
    return _read(BeautifulSoup(LONG_NUMBER.sub("\ufffd", plain), "html.parser"))


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
    """TeX between dollar signs; plain text if it needs no TeX."""
    inside, end, _ = source.partition(r"\begin{document}")[2].partition(r"\end{document}")
    source = " ".join((inside if end else source).split())
    bare = source
    for begin, end in _DELIMITERS:
        inner = source.removeprefix(begin).removesuffix(end)
        if len(inner) == len(source) - len(begin + end) and inner and "$" not in inner:
            bare = inner.strip()
            break
    had_delimiters, source = bare != source, _STYLE.sub("", bare)
    for _ in range(_MOST_GROUPS):
        if source[:1] != "{" or source[-1] != "}" or groups(source).get(0) != len(source):
            break
        source = _STYLE.sub("", source[1:-1].strip())
    if not source:
        return ""
    if had_delimiters or re.search(r"[\\^_{}]", source):
        return source if "$" in source else f"${source}$"
    return source


def groups(text: str) -> dict[int, int]:
    """Start → end of each brace group in TeX; unclosed groups are left out."""
    ends, begun = {}, []
    for match in re.finditer(r"\\.|[{}]", text):
        if match[0] == "{":
            begun.append(match.start())
        elif match[0] == "}" and begun:
            ends[begun.pop()] = match.end()
    return ends


def _linear(node: Tag, depth: int = 0) -> str:
    """MathML in one line: ``x_i^2``, ``(a+b)/c``, ``√(n)``."""
    name = node.name.split(":")[-1].lower()
    if name in ("annotation", "annotation-xml", "mphantom", "mspace", "none", "mprescripts"):
        return ""
    children = [child for child in node.children if isinstance(child, Tag)]
    if depth > 60:
        return " ".join(node.get_text(" ").split())  # no person wrote such a formula
    if not children:
        strings = (part for part in node.children if isinstance(part, NavigableString))
        text = re.sub("[\u2061-\u2064]", "", " ".join("".join(strings).split()))
        return f" {text} " if name == "mo" and text in _RELATIONS else text
    parts = [_linear(child, depth + 1) for child in children]
    if name == "semantics":
        return parts[0]
    if name == "msqrt":
        return f"√({''.join(parts).strip()})"
    last = parts[-1].strip()
    if name == "mover" and len(parts) == 2 and last in _ACCENTS:
        return parts[0] + _ACCENTS[last]
    if name in ("msup", "mover") and len(parts) == 2 and last in ("′", "″", "'", "*", "∗", "†"):
        return parts[0] + last
    if form := _LINEAR.get((name, len(parts))):
        return form.format(p=parts, g=[_group(part) for part in parts])
    if name in _BETWEEN:
        ends = (node.get("open", "("), node.get("close", ")")) if name == "mfenced" else ("", "")
        return str(ends[0]) + _BETWEEN[name].join(map(str.strip, parts)) + str(ends[1])
    return "".join(parts)


def _group(part: str) -> str:
    part = part.strip()
    return part if re.fullmatch(r"[\w.∞+−*′-]?\w*", part) else f"({part})"
