"""Text that is invalid in XML costs only itself, wherever a block ends."""

from io import BytesIO

import pytest

from papertune.collect.listings.arxiv import _feed
from papertune.collect.listings.xml_text import Mended, mended

TEXT = b"<a>R&D &amp; caf&#233; &#x1F;x&#0;y\x0bz &uuml; AT&T; &#55296;!</a>"
RIGHT = b"<a>R&amp;D &amp; caf&#233; xyz &uuml; AT&T; !</a>"


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_blocks_of_any_size_give_the_same(size):
    stream, found = Mended(BytesIO(TEXT)), b""
    while block := stream.read(size):
        found += block
    assert found == RIGHT == mended(TEXT)[0]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_of_another_alphabet_nothing_is_mended(encoding):
    text = "<a>R&amp;D ĀĀ&#38; ఌ</a>".encode(encoding)
    assert mended(text, last=False) == (text, b"")


def test_a_feed_with_an_invalid_character_is_a_feed():
    entry = "<entry><id>http://arxiv.org/abs/2001.00001v1</id><title>A &#x0B;B & C</title></entry>"
    feed = _feed(f'<feed xmlns="http://www.w3.org/2005/Atom">{entry}</feed>')
    assert feed is not None and feed["first"]["title"] == "A B & C"
