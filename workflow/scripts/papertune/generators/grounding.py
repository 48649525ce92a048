"""Grounding: the share of an answer's content words that occur in a text, in any language.

English words are compared by their stems. Stemmers exist only for some languages, break on compounds and
need to know the language. So elsewhere, words match if they begin alike, whatever their endings (as in
Finnish, Turkish or Russian). If a script has no blanks between words, or blanks between syllables
(Vietnamese), a few letters or syllables in a row are compared in place of words.
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import regex

from papertune.sentences import BETWEEN, WORD, grams, is_spaceless

LONGEST_WORD = 100  # characters; stemming takes more time than a word has letters
FUNCTION_WORDS = frozenset(
    WORD.findall(
        """a about above after again all also an and any are as at be because been before being below
    between both but by can cannot could did do does doing down during each either few for from
    further had has have having he her here hers him his how however i if in into is it its itself
    just may me might more most must my neither no nor not now of off on once only or other our
    out over own per rather same shall she should so some such than that the their theirs them
    then there therefore these they this those through thus to too under until up upon us very via
    was we were what when where whether which while who whom whose why will with within without
    would yes yet you your"""
    )
)
# function words that other languages share only by chance, to recognise English prose
_ENGLISH = FUNCTION_WORDS & frozenset(
    WORD.findall(
        "the and of to that with this are by which be from these can not has have our between their such"
        " its been only than will"
    )
)
_LEAST, _FEW = 0.08, 20  # their least share; texts with fewer words are English if they are ASCII
BEGINNING = 0.55  # least common beginning of two forms of a word, as a share of their mean length
SHORTEST = 4  # least letters of a content word: most shorter ones are function words
SHORTEST_ROOT = 3  # the same in Arabic and Hebrew, which write no vowels
_VIETNAMESE = regex.compile("[\u1ea0-\u1ef9ơưđ]")
_SEMITIC = regex.compile(r"\p{Arabic}|\p{Hebrew}")
# scripts with optional or moving marks: points of Hebrew, vowels of Arabic, accents of Greek
_MARKED = regex.compile(r"\p{Arabic}|\p{Hebrew}|\p{Greek}")
# articles, conjunctions and prepositions that are written as one with the word
_CLITICS = regex.compile(r"(?:[والفبكسل](?=\p{Arabic}{3})|[והבלמשכ](?=\p{Hebrew}{3}))*+")


class Grounds:
    """The content words of a text, with which answers are compared."""

    def __init__(self, text: str) -> None:
        words = _words(text)
        self._kind = _kind(words)
        self._units = dict(self._units_of(text, words))
        self._shortest: dict[str, int] = {}  # beginning → length of the shortest word with it
        for form in (form for unit in self._units for form in self._forms(unit)):
            for end in range(1, len(form) + 1):
                known = self._shortest.get(form[:end], LONGEST_WORD)
                self._shortest[form[:end]] = min(known, len(form))

    def share(self, answer: str) -> float:
        """The share of an answer's content words that occur in the text; 1 if it has none ("Yes.").

        Content words are numbers and words other than function words; each counts once.
        """
        units = dict(self._units_of(answer, _words(answer)))
        found = sum(weight for unit, weight in units.items() if self._has(unit))
        return found / sum(units.values()) if units else 1.0

    def content(self, text: str) -> list[str]:
        """The content words of a text, in its order; stems of English ones."""
        return [unit for unit, _ in self._units_of(text, _words(text))]

    def _units_of(self, text: str, words: list[str]) -> Iterator[tuple[str, float]]:
        """The units of a text that are compared, and the number of words that each stands for."""
        if self._kind == "english":
            yield from ((_stem(word), 1) for word in words if word not in FUNCTION_WORDS)
        elif self._kind == "vietnamese":
            yield from ((f"{one} {two}", 1) for one, two in pairwise(words))
        else:
            for word in map(_folded, words):
                least = SHORTEST_ROOT if _SEMITIC.match(word) else SHORTEST
                if len(word) >= least or word[0].isdigit():
                    yield word[:LONGEST_WORD], 1
        yield from ((gram, 1 / script.per_word) for gram, script in grams(text))

    def _has(self, unit: str) -> bool:
        return unit in self._units or any(map(self._begins_alike, self._forms(unit)))

    def _begins_alike(self, form: str) -> bool:
        least = SHORTEST_ROOT if _SEMITIC.match(form) else SHORTEST
        return any(
            form[:end] in self._shortest
            and 2 * end >= BEGINNING * (len(form) + self._shortest[form[:end]])
            for end in range(least, len(form) + 1)
        )

    def _forms(self, unit: str) -> set[str]:
        """A word with and without possible prefixes; empty for units that are compared as they are."""
        if self._kind != "other" or unit[0].isdigit() or BETWEEN.match(unit):
            return set()
        end = _CLITICS.match(unit).end()
        return {unit[start:] for start in range(end + 1)}


def _words(text: str) -> list[str]:
    """The words and numbers of a text that are separated by blanks, in lower case."""
    return WORD.findall(BETWEEN.sub(" ", text.lower()))


def is_english(text: str) -> bool:
    """Whether a text is English, judged by its function words."""
    return not is_spaceless(text) and _kind(_words(text)) == "english"


def _kind(words: list[str]) -> str:
    """How words are compared: ``english``, ``vietnamese`` or ``other``."""
    few = len(words) < _FEW and all(map(str.isascii, words))
    if few or sum(word in _ENGLISH for word in words) >= _LEAST * len(words):
        return "english"
    marked = sum(bool(_VIETNAMESE.search(word)) for word in words)
    return "vietnamese" if 5 * marked > len(words) else "other"


@lru_cache(maxsize=100_000)
def _folded(word: str) -> str:
    """The word without optional marks; Korean syllables as their letters."""
    if _MARKED.match(word):
        return "".join(
            c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c)
        )
    return unicodedata.normalize("NFD", word) if "가" <= word[0] <= "힣" else word


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    """The stem of an English word (Porter 2): ``predict`` for ``predicts`` and ``predicting``."""
    if len(word) > LONGEST_WORD:
        return word
    from nltk.stem.snowball import SnowballStemmer

    return str(SnowballStemmer("english").stem(word))
