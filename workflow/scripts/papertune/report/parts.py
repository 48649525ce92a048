"""The parts of pages, and how they are put together: escaped, and with a policy of their own."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from papertune.report.table import forms

PARTS = Path(__file__).parent / "page_parts"


def environment() -> Any:
    """Of the templates; escaping is on, and only ``|safe`` passes markup, that of this program."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    how: dict[str, Any] = {"autoescape": True, "undefined": StrictUndefined}
    how |= {"loader": FileSystemLoader(PARTS), "trim_blocks": True, "lstrip_blocks": True}
    made = Environment(**how)
    made.globals["forms"] = forms
    return made


def content_policy(style: str, script: str = "") -> str:
    """What a page may load: nothing; its own style and script are known by what they say."""
    own = f"script-src '{_hash(script)}'; " if script else ""
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
