"""Abstracts in the data that a page carries for its scripts: JSON, Next.js, assignments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from papertune.sources.judgement import is_abstract
from papertune.sources.publishers import decode_at
from papertune.sources.text import clean

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
        for match in _FIELD.finditer(source):
            value = decode_at(source, match.end())
            if isinstance(value, str):
                cleaned = clean(value)
                if is_abstract(cleaned):
                    found.setdefault(cleaned, value)
    if len(found) <= 1:
        return list(found.values())
    title = _letters(_title(soup))
    mine = {
        clean(text): text
        for source in sources
        for text in _beside(_loaded(source), title, 0)
        if title and is_abstract(clean(text))
    }
    return list(mine.values()) if len(mine) == 1 else []


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
    source = source.strip()
    if source[:1] not in "{[":
        start = re.search(r"=\s*(?=[{\[])", source)
        return decode_at(source, start.end()) if start else None
    try:
        return json.loads(source, strict=False)
    except (ValueError, RecursionError):
        return None


def _beside(data: Any, title: str, depth: int) -> Iterator[str]:
    """Abstracts of objects that have the title."""
    if depth > 40:
        return
    if isinstance(data, dict):
        if _letters(_value(data.get("title"))) == title:
            yield from (_value(data[key]) for key in _KEYS if _value(data.get(key)))
        for item in data.values():
            yield from _beside(item, title, depth + 1)
    elif isinstance(data, list):
        for item in data:
            yield from _beside(item, title, depth + 1)


def _value(field: Any) -> str:
    if isinstance(field, dict):
        field = field.get("value") or field.get("text")
    return field if isinstance(field, str) else ""


def _title(soup: BeautifulSoup) -> str:
    for name in ("citation_title", "dc.title", "og:title"):
        meta = soup.find("meta", attrs={"name": re.compile(f"^{re.escape(name)}$", re.IGNORECASE)})
        meta = meta or soup.find("meta", property=name)
        if meta is not None and meta.get("content"):
            return str(meta["content"])
    heading = soup.find("h1") or soup.find("title")
    return heading.get_text() if heading is not None else ""


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", clean(text)).lower()
