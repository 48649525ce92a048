"""What is an abstract, what is only in its place, and which of two is more complete."""

from pathlib import Path

import pytest

from papertune.collect.texts.is_abstract import is_abstract, is_cut, is_description, is_fuller

TEXT = (
    "We ask whether a small model gains from reading the pages it is asked about. On three venues "
    "it does, and the gain survives a change of question writer by a wide margin in every case."
)


def texts() -> list[tuple[str, bool]]:
    """The texts of ``abstracts_and_notices.txt``, and whether each is an abstract."""
    saved = Path(__file__).with_name("abstracts_and_notices.txt").read_text()
    _, abstracts, others = saved.split("\n== ")
    told = [(abstracts, True), (others, False)]
    lines = [(line, said) for part, said in told for line in part.splitlines()[1:]]
    return [(line, said) for line, said in lines if line and not line.startswith("# ")]


@pytest.mark.parametrize(("text", "said"), [*texts(), (TEXT, True), ("", False), ("Short.", False)])
def test_abstracts_and_what_stands_in_their_place(text, said):
    assert is_abstract(text) == said


@pytest.mark.parametrize(
    ("ends", "cut"),
    [
        (("…", "...", " [...]", "… Read more", "... (more)", " Show more", " . . .", ""), True),
        ((TEXT[150:], f"{TEXT[150:]} (Funded by nobody.)", f"{TEXT[150:]} It is “so.”"), False),
        ((f"{TEXT[150:]} Is it so?", f"{TEXT[150:]} It is so.1"), False),
    ],
)
def test_what_is_cut_and_what_is_whole(ends, cut):
    assert [is_cut(TEXT[:150] + end) for end in ends] == [cut] * len(ends)


def test_what_is_cut_by_its_last_words():
    for end in (" It is the", " One thing,", " (Abstract truncated at 2000 words)"):
        assert is_cut(TEXT * 3 + end)
    for end in (" See https://things.example/code", " It takes $O(n)$"):
        assert not is_cut(TEXT * 3 + end)
    assert not is_cut(f"{TEXT[:150]}. All of it is at https://things.example/code")
    assert is_cut(f"{TEXT[:150]}. All of it is at https://things.example/co…")
    assert is_cut("…" + TEXT)


def test_the_fuller_goes_on_where_the_other_ends():
    one, two = TEXT.split(". ", 1)
    assert is_fuller(TEXT, one + ".")
    assert is_fuller(TEXT, TEXT[:100] + "…")
    assert is_fuller(TEXT, TEXT[:101] + "...")  # half a word
    assert is_fuller(TEXT.replace("it does", "it  does"), TEXT[:120])
    for text, other in ((TEXT, TEXT), (one + ".", TEXT), (two, one), (TEXT, "")):
        assert not is_fuller(text, other)
    for tail in ("Keywords: one, two, three and four", "© 2020 The Authors. All rights reserved."):
        assert not is_fuller(f"{TEXT} {tail}", TEXT)


def test_a_description_must_be_an_abstract_beyond_doubt():
    assert is_description(TEXT)
    for text in (TEXT[:100] + ".", TEXT + " Sign in to read the full text.", TEXT[:-1]):
        assert not is_description(text)
