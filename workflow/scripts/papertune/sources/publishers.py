"""Where publishers put the abstract: a table of hosts and CSS selectors, and two kinds of script."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

# host suffix → (name, selectors in order); `@name` after a selector takes that attribute
SELECTORS: dict[str, tuple[str, tuple[str, ...]]] = {
    "acm.org": (
        "acm",
        (
            "section#abstract [role=paragraph]",
            "section#abstract",
            ".abstractSection.abstractInFull",
        ),
    ),
    "springer.com": (
        "springer",
        ("#Abs1-content", "section[data-title=Abstract]", "section.Abstract", "section#Abs1"),
    ),
    "nature.com": ("nature", ("#Abs1-content", "section[data-title=Abstract]")),
    "usenix.org": ("usenix", (".field-name-field-paper-description",)),
    "sciencedirect.com": ("sciencedirect", (".Abstracts .abstract.author",)),
    "neurips.cc": ("neurips", ("p.paper-abstract", ".paper-abstract", "p.abstract")),
    "nips.cc": ("neurips", ("p.paper-abstract", ".paper-abstract", "p.abstract")),
    "ijcai.org": ("ijcai", (".proceedings-detail .row > .col-md-12:not(:has(.keywords))",)),
    "arxiv.org": ("arxiv", ("blockquote.abstract",)),
    "aclanthology.org": ("acl", (".acl-abstract > span", ".acl-abstract")),
    "mlr.press": ("pmlr", ("#abstract", "div.abstract")),
    "openreview.net": ("openreview", (".note-content-value.markdown-rendered",)),
    "thecvf.com": ("cvf", ("#abstract",)),
    "aaai.org": ("aaai", ("section.item.abstract", ".abstract-text-wrap .attribute-output")),
    "wiley.com": (
        "wiley",
        (
            ".article-section__abstract .article-section__content",
            "section.article-section__abstract",
        ),
    ),
    "tandfonline.com": ("tandfonline", (".abstractSection.abstractInFull", ".hlFld-Abstract")),
    "iospress.com": ("iospress", ("[data-abstract]@data-abstract",)),
    "nber.org": ("nber", (".page-header__intro-inner",)),
    "mdpi.com": ("mdpi", (".html-abstract .html-p", ".art-abstract")),
    "oup.com": ("oup", ("section.abstract",)),
    "dagstuhl.de": ("dagstuhl", ("section.abstract", "#abstract")),
    "jmlr.org": ("jmlr", ("p.abstract",)),
}

_IEEE = re.compile(r"(?:xplGlobal|\bglobal)\.document\.metadata\s*=\s*(?=\{)")
_DECODER = json.JSONDecoder()


def selectors_of(hosts: set[str]) -> Iterator[tuple[str, str]]:
    """Name and selector of every publisher whose host is among ``hosts``, in order."""
    for suffix, (name, selectors) in SELECTORS.items():
        if any(host == suffix or host.endswith(f".{suffix}") for host in hosts):
            for selector in selectors:
                yield name, selector


def ieee_abstract(html: str) -> str:
    """The abstract in IEEE Xplore's ``xplGlobal.document.metadata``, or an empty string."""
    for match in _IEEE.finditer(html):
        found = decode_at(html, match.end())
        if isinstance(found, dict) and isinstance(found.get("abstract"), str):
            text: str = found["abstract"]
            return "" if text.strip().lower() in ("true", "false") else text
    return ""


def sciencedirect_abstract(html: str) -> str:
    """The authors' abstract in ScienceDirect's page state, or an empty string.

    The state is XML as JSON: ``#name`` the tag, ``$`` attributes, ``$$`` children, ``_`` text.
    """
    for match in re.finditer(r'"abstracts"\s*:\s*(?=\{)', html):
        found = decode_at(html, match.end())
        for abstract in found.get("content", []) if isinstance(found, dict) else []:
            if isinstance(abstract, dict) and abstract.get("$", {}).get("class") in (
                None,
                "author",
            ):
                text = "".join(_texts(abstract)).strip()
                if text:
                    return text
    return ""


def _texts(node: Any) -> Iterator[str]:
    if not isinstance(node, dict) or node.get("#name") == "section-title":
        return
    if isinstance(node.get("_"), str):
        yield node["_"]
    for child in node.get("$$") or []:
        yield from _texts(child)
    if node.get("#name") in ("simple-para", "abstract-sec"):
        yield " "


def decode_at(text: str, start: int) -> Any:
    """The JSON value that begins at ``start``, or None where there is none."""
    try:
        return _DECODER.raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return None
