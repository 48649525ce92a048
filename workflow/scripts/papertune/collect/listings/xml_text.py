"""Remove characters that are invalid in XML, which official dumps have, and keep all others."""

import re
from gzip import GzipFile
from typing import IO

BLOCK = 1 << 20  # bytes that are read at once
LONGEST = 40  # bytes of a reference: &#1114111; or the name of an entity
# control characters (raw or as references), and references to surrogates and noncharacters
_INVALID = re.compile(
    rb"[\x01-\x08\x0b\x0c\x0e-\x1f]|&#(?:x0*(?:[0-8bcef]|1[0-9a-f]|d[89a-f][0-9a-f]{2}|fff[ef])"
    rb"|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]|55(?:29[6-9]|[3-9][0-9]{2})|56[0-9]{3}|57[0-2][0-9]{2}|573[0-3][0-9]|5734[0-3]|6553[45]));",
    re.IGNORECASE,
)
# an ampersand that begins no reference was meant literally
_BARE = re.compile(rb"&(?!#[0-9]{1,9};|#[xX][0-9a-fA-F]{1,8};|[A-Za-z_][\w.-]{0,36};)")


def mended(block: bytes, *, last: bool = True) -> tuple[bytes, bytes]:
    """A block without invalid characters, and the perhaps incomplete reference at its end.

    Args:
        block: The bytes; those of an encoding like UTF-16 are returned unchanged.
        last: Whether nothing follows.
    """
    if b"\0" in block:  # UTF-16, in which an ASCII character takes two bytes
        return block, b""
    cut = -1 if last else block.rfind(b"&", max(len(block) - LONGEST, 0))
    block, rest = (block[:cut], block[cut:]) if cut >= 0 else (block, b"")
    return _BARE.sub(b"&amp;", _INVALID.sub(b"", block)), rest


class Mended:
    """A stream of XML without invalid characters, for a parser to read."""

    def __init__(self, stream: IO[bytes] | GzipFile) -> None:
        self._stream, self._rest = stream, b""

    def read(self, size: int = BLOCK) -> bytes:
        """The next bytes, about ``size``; empty at the end."""
        while True:
            block = self._stream.read(size if size > 0 else BLOCK)
            text, self._rest = mended(self._rest + block, last=not block)
            if text or not block:
                return text
