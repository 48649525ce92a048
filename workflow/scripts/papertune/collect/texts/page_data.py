"""Abstracts in the data that a page carries for its scripts: JSON, Next.js, assignments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from papertune.collect.texts.is_abstract import is_abstract
from papertune.collect.texts.publishers import decode_at
from papertune.collect.texts.text import clean

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

_KEYS = ("abstract", "abstractText", "paperAbstract", "abstract_text", "articleAbstract")
# OpenReview wraps values: {"abstract": {"value": "…"}}
_FIELD = re.compile(rf'"(?:{"|".join(_KEYS)})"\s*:\s*(?:\{{\s*"(?:value|text)"\s*:\s*)?(?=")')
_PUSH = re.compile(r"__next_f\.push\(\[\d+,\s*(?=\")")


def abstracts_in_scripts(soup: BeautifulSoup) -> list[str]:
    """The page's own abstract in its data, if it can be told from those of recommended papers.

    Where the data has several, the one that stands beside the page's own title is taken.
    """
    found: dict[str, str] = {}
    sources = list(_sources(soup))
    for source in sources:
        for value in (decode_at(source, match.end()) for match in _FIELD.finditer(source)):
            if isinstance(value, str) and is_abstract(cleaned := clean(value)):
                found.setdefault(cleaned, value)
    if not found:
        return []
    title = title_of(soup)
    owners: dict[str, list[str]] = {}
    for source in sources:
        for owner, text in _owned(_loaded(source), 0):
            owners.setdefault(clean(text), []).append(owner)
    mine = [
        value
        for cleaned, value in found.items()
        if any(same_title(owner, title) for owner in owners.get(cleaned, []))
        or (len(found) == 1 and cleaned not in owners)
    ]
    return mine if len(mine) == 1 and (title or len(found) == 1) else []


def same_title(one: str, other: str) -> bool:
    """The same title, be it with the site's name after it; also where one of them is not known."""
    short, long = sorted((_letters(one), _letters(other)), key=len)
    return short == long or not short or (len(short) > 12 and long.startswith(short))


def _sources(soup: BeautifulSoup) -> Iterator[str]:
    pushed = []
    for script in soup.find_all("script"):
        if "ld+json" in str(script.get("type", "")):
            continue
        source = script.string or ""
        parts = [decode_at(source, match.end()) for match in _PUSH.finditer(source)]
        if parts:
            pushed += [part for part in parts if isinstance(part, str)]
        elif "bstract" in source:
            yield source
    if pushed:
        yield "".join(pushed)


def _loaded(source: str) -> Any:
    """What a script is, or assigns, as JSON."""
    start = re.match(r"\s*(?=[{\[])", source) or re.search(r"=\s*(?=[{\[])", source)
    return decode_at(source, start.end()) if start else None


def _owned(data: Any, depth: int) -> Iterator[tuple[str, str]]:
    """Titles and abstracts of the objects that have both."""
    if depth > 40:
        return
    if isinstance(data, dict):
        title = _value(data.get("title")) or _value(data.get("name"))
        if title:
            yield from ((title, _value(data[key])) for key in _KEYS if _value(data.get(key)))
        data = list(data.values())
    for item in data if isinstance(data, list) else []:
        yield from _owned(item, depth + 1)


def _value(field: Any) -> str:
    if isinstance(field, dict):
        field = field.get("value") or field.get("text")
    return field if isinstance(field, str) else ""


def title_of(soup: BeautifulSoup) -> str:
    """The title of the page's paper."""
    for name in ("citation_title", "dc.title", "og:title"):
        meta = soup.find("meta", attrs={"name": re.compile(f"^{re.escape(name)}$", re.IGNORECASE)})
        meta = meta or soup.find("meta", property=name)
        if meta is not None and meta.get("content"):
            return str(meta["content"])
    heading = soup.find("h1") or soup.find("title")
    return heading.get_text() if heading is not None else ""


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", clean(text)).lower()
