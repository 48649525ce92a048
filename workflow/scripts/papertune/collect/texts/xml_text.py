"""Text out of the XML of bibliographies, as :func:`~papertune.collect.texts.text.clean` reads it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element

_KEPT = ("sub", "sup", "tex-math")  # what these mark is lost without them: 10<sup>5</sup>
_APART = ("br", "p", "par")


def inner(element: _Element | None) -> str:
    """What stands in an element: its text and that of its markup, escaped as in HTML.

    Entities that the parser left alone stay as they are, ``&uuml;``.
    """
    if element is None:
        return ""
    parts = [html.escape(element.text or "", quote=False)]
    for child in element:
        if not isinstance(child.tag, str):  # an entity, a comment, an instruction
            text = str(child.text or "")
            said = text if text.startswith("&") and text.endswith(";") else ""
        else:
            said = inner(child)
            if child.tag in _KEPT:
                said = f"<{child.tag}>{said}</{child.tag}>"
            elif child.tag in _APART:
                said = f" {said} "
        parts += [said, html.escape(child.tail or "", quote=False)]
    return "".join(parts)
