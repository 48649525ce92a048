"""The parts of pages, and how they are put together: escaped, and with a policy of their own."""

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
PLAIN = ("style.css", "tables.js")  # style and script of pages without an explorer
TALL = 60  # rows of a table that is scrolled by itself


def environment() -> Any:
    """Of the templates; escaping is on, and only ``|safe`` passes markup, that of this program."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    how: dict[str, Any] = {"autoescape": True, "undefined": StrictUndefined}
    how |= {"loader": FileSystemLoader(PARTS), "trim_blocks": True, "lstrip_blocks": True}
    made = Environment(**how)
    made.globals |= {"packed": packed, "tall": TALL}
    made.filters["unbroken"] = unbroken
    return made


def packed(table: Table, name: str) -> str:
    """What a table is copied as, by ending: JSON that is deflated, in base64."""
    text = json.dumps(forms(table, name), ensure_ascii=False)
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


# With this policy beside the first, what the page's own script loads is a file beside the page.
BESIDE_POLICY = "script-src 'unsafe-inline' 'self' file:"


def content_policy(style: str, script: str = "", *, beside: bool = False) -> str:
    """What a page may load: nothing; its own style and script are known by what they say.

    Where there are files ``beside`` it, that script may load more scripts, and nobody else may: no
    element that stands in the page. The page then needs ``BESIDE_POLICY`` as well, as a second policy.
    """
    more = " 'strict-dynamic'" if beside else ""
    own = f"script-src '{_hash(script)}'{more}; " if script else ""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; {own}base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def embed_json(value: Any) -> str:
    """JSON that cannot end or change the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def safe_url(url: str) -> str:
    """The url if it is a web address, else nothing: a page must not bring a link that runs."""
    return url if re.match(r"https?://[^\s/]", url) else ""
