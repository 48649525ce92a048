"""Figures for inlining in the page: they take its text colour, and a strict policy lets them be."""

import re
from xml.etree import ElementTree

from papertune.report.figures import INK

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
FONT = re.compile(r"(?:(bold|\d+) )?([\d.]+)px")


def inline(text: str, name: str, label: str) -> str:
    """A figure as an SVG element for HTML; ``name`` is put before ids, ``label`` is read out.

    Style attributes become presentation attributes, because the page's policy forbids inline
    styles; dark ink becomes the page's text colour, the white ground nothing.
    """
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    root = ElementTree.fromstring(text)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        element.attrib |= _style(element.attrib.pop("style", ""))
        for key, value in element.attrib.items():
            element.set(key, _rename(key, value, name))
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    # joins are what the style element said of everything
    root.attrib |= {"stroke-linejoin": "round", "role": "img", "aria-label": label}
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
