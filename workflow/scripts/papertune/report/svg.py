"""Figures for inlining in the page: they take its text colour, and a strict policy lets them be."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from papertune.report.figures import INK

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
FONT = re.compile(r"(?:(bold|\d+) )?([\d.]+)px")


def inline(text: str, name: str, label: str) -> str:
    """An SVG element for HTML.

    Style attributes become presentation attributes, because the page's policy forbids inline
    styles; dark ink becomes the page's text colour, the white ground nothing; ids get a prefix.

    Args:
        text: A figure of :mod:`papertune.report.figures`.
        name: The prefix of its ids.
        label: What a screen reader says.
    """
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    root = ElementTree.fromstring(text)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        for key, value in _style(element.attrib.pop("style", "")).items():
            element.set(key, value)
        for key, value in list(element.attrib.items()):
            element.set(key, _rename(key, value, name))
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    # what the style element said of everything
    root.set("stroke-linejoin", "round")
    root.set("role", "img")
    root.set("aria-label", label)
    return ElementTree.tostring(root, encoding="unicode")


def _style(text: str) -> dict[str, str]:
    found = {}
    for declaration in text.split(";"):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if key == "font" and (match := FONT.search(value)):
            found["font-size"] = match[2]
            if match[1]:
                found["font-weight"] = match[1]
        elif key and key not in ("font", "font-family"):  # the page's own font
            found[key] = value
    return found


def _rename(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key.endswith("href"):
        return value.replace("#", f"#{name}-", 1)
    if key in ("fill", "stroke") and value == INK:
        return "currentColor"
    if key == "fill" and value in ("#ffffff", "white"):
        return "none"
    return value.replace("url(#", f"url(#{name}-")
