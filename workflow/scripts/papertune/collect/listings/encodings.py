"""Detect the encoding of a user's file: by its byte order mark, as UTF-8, or if it is unambiguous.

A wrong guess is worse than an error. So a Windows encoding is chosen only if all its bytes mean the
same in the Western, Central European and Turkish ones, such as accents within words.
"""

import codecs
import re
from typing import IO

HEAD = 2**22  # bytes that are examined
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# common encodings, for the error message
LIKELY = ("windows-1252", "windows-1250", "windows-1251", "gb18030", "shift_jis", "big5", "euc_kr")
_SAME = "ÁÂÄÇÉËÍÎÓÔÖÚÜßáâäçéëíîóôöúü"  # the same in windows-1250, -1252 and -1254
_SIGNS = "–—‘’“”•…€§©®«»°±·„×™\xa0"
# such letters are beside an ASCII letter, and only an apostrophe may be within a word
_WESTERN = re.compile(
    rf"(?:[\x00-\x7f]|(?<=[A-Za-z])[{_SAME}]{{1,2}}|[{_SAME}]{{1,2}}(?=[A-Za-z])"
    rf"|(?<=[A-Za-z])’(?=[A-Za-z])|(?<![A-Za-z])[{_SIGNS}]|[{_SIGNS}](?![A-Za-z]))*+"
)


def encoding_of(stream: IO[bytes], said: str = "", *, table: bool = True) -> str:
    """The encoding of a seekable file.

    Args:
        said: The encoding in the settings, if any.
        table: Whether a spreadsheet may have written it, which is not always in UTF-8.

    Raises:
        UnicodeDecodeError: the encoding cannot be told.
    """
    head = stream.read(HEAD)
    stream.seek(0)
    if mark := next((name for mark, name in _MARKS if head.startswith(mark)), ""):
        return mark
    if said:
        return said
    if not table:
        return "utf-8"
    zeros = [head[start::2].count(0) / max(len(head) // 2, 1) for start in (0, 1)]
    if min(zeros) == 0 and max(zeros) > 0.5:  # mostly ASCII, without a byte order mark
        return "utf-16-be" if zeros[0] else "utf-16-le"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        whole = stream.read()
        stream.seek(0)
        if not _WESTERN.fullmatch(whole.decode("windows-1252", "replace")):
            raise
        return "windows-1252"
    return "utf-8"


def readings(data: bytes, start: int) -> str:
    """For an error message: bytes around ``start``, as each common encoding decodes them."""
    begin = max(data.rfind(b"\n", 0, start) + 1, start - 12)
    some = data[begin : start + 24].split(b"\n")[0].rstrip(b"\r")
    found: dict[str, str] = {}
    for name in LIKELY:
        for part in (some, some[:-1]):  # the last character may be cut
            try:
                text = part.decode(name)
            except UnicodeDecodeError:
                continue
            if text.isprintable():
                found.setdefault(text, name)
            break
    return ", ".join(f"{name}: {text!r}" for text, name in found.items())
