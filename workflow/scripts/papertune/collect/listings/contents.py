"""Detect a user's file that is of another kind than its name or settings say, by its first bytes.

Examples are a sign-in page saved in place of a table, a workbook named .csv, and a reference
manager's other exports. Read as the wrong kind, they would have no rows, or meaningless ones.
"""

import re
from pathlib import Path
from typing import NamedTuple

from papertune.errors import CollectError

HEAD = 2048  # bytes that are examined


class Sign(NamedTuple):
    """A kind of file: the pattern of its first bytes, its description, and a hint."""

    begins: re.Pattern[bytes]
    what: str
    hint: str


def _sign(begins: bytes, what: str, hint: str) -> Sign:
    return Sign(re.compile(begins, re.IGNORECASE | re.DOTALL), what, hint)


_UNPACK = "unpack it, and name the file that was in it"
_SPACE = rb"\A(?:\xef\xbb\xbf)?\s*+"
SIGNS = {
    "page": _sign(
        _SPACE + rb"(?:<\?xml[^>]*+>\s*+)?+(?:<!--(?:(?!-->).)*+-->\s*+)*+"
        rb"(?:<!doctype\s+html|<(?:html|head|body|table|div|meta)\b)",
        "a web page (HTML)",
        "get the file itself: this is probably a sign-in page, or the page that shows the file (on "
        "GitHub use Raw)",
    ),
    "pointer": _sign(
        rb"version https://git-lfs",
        "a git-lfs pointer, not the file itself",
        "fetch it: git lfs install && git lfs pull in the repository",
    ),
    "pdf": _sign(rb"%PDF-", "a PDF", "set kind: pdfs and name its folder, or get the table"),
    "zip": _sign(
        rb"PK\x03\x04",
        "a zip archive or a workbook",
        "a workbook's name has to end in .xlsx; else unpack it",
    ),
    "old": _sign(
        rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old workbook (.xls)",
        "open it and save it as .xlsx, or as CSV in UTF-8",
    ),
    "gzip": _sign(rb"\x1f\x8b", "packed with gzip", _UNPACK),
    "bzip2": _sign(rb"BZh[1-9]", "packed with bzip2", _UNPACK),
    "xz": _sign(rb"\xfd7zXZ\x00", "packed with xz", _UNPACK),
    "7z": _sign(rb"7z\xbc\xaf\x27\x1c", "a .7z archive", _UNPACK),
    "rar": _sign(rb"Rar!\x1a", "a .rar archive", _UNPACK),
    "parquet": _sign(rb"PAR1", "a Parquet file", "let its name end in .parquet"),
    "database": _sign(
        rb"SQLite format 3\x00",
        "a database (SQLite)",
        "export a table of it as CSV; a reference manager exports BibTeX, too (kind: bibtex)",
    ),
    "json": _sign(
        _SPACE + rb'\[?+\s*+\{\s*+"[^"]*+"\s*+:',
        "JSON",
        "kind: files reads it; its name has to end in .json, or in .jsonl with an object in each line",
    ),
    "bibtex": _sign(
        _SPACE + rb"(?:%[^\n]*+\n\s*+)*+@[a-z]{3,20}\s*+\{[^,\n]{0,200}(?:,|\n)",
        "BibTeX",
        "set kind: bibtex, and paths: [it]",
    ),
    "ris": _sign(
        _SPACE + rb"(?:TY  - |%0 [A-Z]|PMID- ?\d|FN (?:Clarivate|Thomson|ISI))",
        "an export of references (RIS, EndNote, PubMed or Web of Science)",
        "export BibTeX (kind: bibtex) or CSV instead",
    ),
    "xml": _sign(
        _SPACE + rb"<(?:\?xml\b|posts\b|dblp\b|collection\b)",
        "XML",
        "kinds stack_dump, dblp_snapshot and acl_xml read some; tables are CSV, JSON or Parquet",
    ),
}


def begins_as(path: Path, *allowed: str) -> str:
    """The kind of a file by its first bytes; empty if they match none.

    Args:
        path: The file.
        allowed: The kinds (names in :data:`SIGNS`, or ``empty``) that are accepted.

    Raises:
        CollectError: it is of another kind, which the message names.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if not head.strip() and "empty" not in allowed:
        raise CollectError("the file is empty", where=str(path), hint="get it again")
    name = next((name for name, sign in SIGNS.items() if sign.begins.match(head)), "")
    if name and name not in allowed:
        raise CollectError(f"it is {SIGNS[name].what}", where=str(path), hint=SIGNS[name].hint)
    return name
