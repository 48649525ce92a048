"""Templates of pages: automatic escaping, content security policy and embedded JSON."""

import base64
import hashlib
import json
import re
import zlib
from pathlib import Path
from typing import Any

from papertune.report.numbers import unbroken
from papertune.report.table import Table, forms

PARTS = Path(__file__).parent / "page_parts"
EXPLORER = "explorer"  # the folder beside the report, of answers that are too many for it
PLAIN = ("style.css", "tables.js")  # style and script of pages without an explorer
TALL = 60  # rows from which a table scrolls on its own


def environment() -> Any:
    """Jinja's environment for the templates: escaping is on; ``|safe`` is for own markup only."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    how: dict[str, Any] = {"autoescape": True, "undefined": StrictUndefined}
    how |= {"loader": FileSystemLoader(PARTS), "trim_blocks": True, "lstrip_blocks": True}
    made = Environment(**how)
    made.globals |= {"packed": packed, "tall": TALL}
    made.filters["unbroken"] = unbroken
    return made


def packed(table: Table, name: str) -> str:
    """The copies of a table by file ending, as deflated JSON in base64."""
    text = json.dumps(forms(table, name), ensure_ascii=False)
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


# As a second policy, it limits scripts loaded by the page's own script to files beside the page.
BESIDE_POLICY = "script-src 'unsafe-inline' 'self' file:"


def content_policy(style: str, script: str = "", *, beside: bool = False) -> str:
    """The content security policy of a page: no loading; own style and script by their hashes.

    With files ``beside`` it, only that script may load further scripts, no other element of the
    page. The page then also needs ``BESIDE_POLICY`` as a second policy.
    """
    more = " 'strict-dynamic'" if beside else ""
    own = f"script-src '{_hash(script)}'{more}; " if script else ""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; {own}base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def embed_json(value: Any) -> str:
    """JSON that cannot end or change its surrounding script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def safe_url(url: str) -> str:
    """The url if it is a web address, else empty: links must not execute scripts."""
    return url if re.match(r"https?://[^\s/]", url) else ""
