"""Texts of any script: one form of Unicode, how many words, which sentences, which blanks
mean something (prose flows, code keeps its lines and their indentation); without data to download.

Chinese, Japanese, Thai, Lao, Khmer and Burmese put no blanks between words. A length in words is
estimated for them by their letters, and what stands for a word is a few letters in a row.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

import regex


class Script(NamedTuple):
    """A script without blanks between words."""

    letters: str  # a class of regex
    per_word: float  # letters and marks of a word, on average
    gram: int  # letters in a row that tell two texts about different things apart


SCRIPTS = (
    Script(r"\p{Han}", 1.5, 2),
    Script(r"\p{Hiragana}\p{Katakana}ー", 2.5, 2),
    Script(r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}", 4.5, 4),
)
SPACELESS = "".join(script.letters for script in SCRIPTS)
_RUNS = [(regex.compile(f"[{script.letters}]+"), script.per_word) for script in SCRIPTS]
BETWEEN = regex.compile(f"[{SPACELESS}]++")
# particles of Chinese, which stand between words and in every text
_PARTICLES = "的了是在和與与及等之以于於對对為为有不也這这那其而并並被把將将就都或者著着過过"
CONTENT = [
    (
        regex.compile(
            f"[[{one.letters}]--[{_PARTICLES}\\p{{Hiragana}}]]{{{one.gram},}}+", regex.V1
        ),
        one,
    )
    for one in SCRIPTS
]
# a number, or letters with the marks upon them (vowels of Hindi, points of Hebrew)
WORD = regex.compile(r"\d++(?:[.,]\d++)*+|(?:[^\W\d_]|\p{No}|(?<=\w)[\u200c\u200d](?=\w))++")

# a dot after one of these ends no sentence
_SHORT = r"e\.g|i\.e|cf|vs|resp|fig|eq|sec|thm|prop|lem|dr|prof|approx|w\.r\.t|a\.k\.a|i\.i\.d"
# the same elsewhere
_SHORT += r"|bzw|vgl|ggf|abb|рис|табл|т\.е|π\.χ|δηλ|esim|vrt"
_ABBREVIATIONS = re.compile(rf"\b(?:{_SHORT}|et al|no|[A-ZА-Я])\.$", re.IGNORECASE)
_KNOWN = {"al", "mr", "mrs", "ms", "st", "jr", "sr", "ca", "u.s", "z.b"}
_KNOWN.update(_SHORT.replace("\\", "").split("|"))
# behind these no blank has to stand
_ENDS_ANYWAY = r"[。！？｡]++[\"'”’）」』】》]*+\s*+(?=\S)|[؟۔।॥።။៕]++[\"')\]”’»]*+\s*+(?=\S)"
_END = regex.compile(
    r"[.!?][\"')\]”’]*\s+(?=[\"'(\[“‘$\\]*[A-Z0-9])"
    # Thai and Lao end a sentence with a blank
    r"|(?<=[\p{Thai}\p{Lao}])\s+(?=[\p{Thai}\p{Lao}])"
    rf"|[.!?;][\"')\]”’»]*\s+(?=[\"'(\[“‘«„]*[\p{{Lu}}\p{{Lo}}--[\x00-\x7f]])|{_ENDS_ANYWAY}",
    regex.V1,
)
_ANYWAY = re.compile(f"(?:{_ENDS_ANYWAY})")
_MOST_MARKS = 30
# there may be that many in these
_MARKS = re.compile(rf"[^\w\s\x00-\u02ff]{{{_MOST_MARKS + 1},}}+")

_RUN = re.compile(r"\s{30,}+")
_DEEPEST = 100  # blanks that code is indented by at most
# a line break within Chinese or Japanese
_BROKEN = regex.compile(
    r"(?<=[\p{Han}\p{Hiragana}\p{Katakana}ー、。，；：！？）」』])[^\S\n]*+\n\s*+"
    r"(?=[\p{Han}\p{Hiragana}\p{Katakana}（「『《、。，；：！？）」』])"
)


def without_runs(text: str) -> str:
    """A text with each long run of blanks as one, or as an empty line where it breaks lines, with
    the blanks that then stand before the next line.

    Nobody writes them but to keep a reader busy; what strangers wrote comes through here first.
    """
    if (
        text.isprintable() and " " * 30 not in text
    ):  # then it has no other blanks; searching takes long
        return text
    return _RUN.sub(_shortened, text)


def _shortened(run: re.Match[str]) -> str:
    _, broken, indentation = run[0].rpartition("\n")
    return f"\n\n{indentation[:_DEEPEST]}" if broken else " "


def flat(text: str) -> str:
    """A text on one line, one blank at a time; none where a line of Chinese or Japanese was broken."""
    return " ".join((text if text.isascii() else _BROKEN.sub("", text)).split())


def composed(text: str, form: Literal["NFC", "NFKC", "NFKD"] = "NFC") -> str:
    """A text in a normal form of Unicode's.

    In a long one, of marks upon one letter the first 30 stay, as Unicode has it for streams: putting
    them in order takes the square of their number.
    """
    if len(text) > 2000 and not text.isascii():
        text = _MARKS.sub(_fewer, text)
    return unicodedata.normalize(form, text)


def _fewer(run: re.Match[str]) -> str:
    kept, marks = [], 0
    for char in run[0]:
        marks = marks + 1 if unicodedata.category(char)[0] == "M" else 0
        kept += [char] * (marks <= _MOST_MARKS)
    return "".join(kept)


def word_count(text: str) -> int:
    """How many words a text has: those between blanks, and what the letters of scripts without
    blanks come to (1.5 of Chinese, 2.5 of kana, 4.5 of Thai, Lao, Khmer or Burmese a word).
    """
    if text.isascii():
        return len(text.split())
    letters = [(sum(map(len, run.findall(text))), rate) for run, rate in _RUNS]
    if not any(count for count, _ in letters):
        return len(text.split())
    between = sum(bool(regex.search(r"\w", part)) for part in BETWEEN.sub(" ", text).split())
    return between + math.ceil(sum(count / rate for count, rate in letters))


def terms(text: str, shortest: int) -> set[str]:
    """The words of a text of so many letters at least, by which two texts are compared; a few letters
    in a row where none are told apart.
    """
    words = re.findall(r"\w+", BETWEEN.sub(" ", text.lower()))
    return {word for word in words if len(word) >= shortest} | {gram for gram, _ in grams(text)}


def grams(text: str) -> Iterator[tuple[str, Script]]:
    """The letters in a row that stand for words of scripts without blanks, and their script."""
    for content, script in CONTENT if BETWEEN.search(text) else ():
        for run in content.findall(text):
            for start in range(len(run) - script.gram + 1):
                yield run[start : start + script.gram], script


def is_spaceless(text: str) -> bool:
    """Whether most letters of a text are of a script without blanks between words."""
    inside = sum(map(len, BETWEEN.findall(text)))
    return inside > 0 and 2 * inside > sum(map(str.isalpha, text))


def sentences(text: str) -> list[str]:
    """The sentences of a text in order, white space collapsed to single spaces.

    A line that ends without a full stop runs on into the next one, as in pages that break lines.
    """
    line = flat(text)
    found, start = [], 0
    for match in _END.finditer(line):
        # none is longer
        if not _ABBREVIATIONS.search(line, max(start, match.start() - 8), match.start() + 1):
            found.append(line[start : match.end()].strip())
            start = match.end()
    return found + [line[start:]] * bool(line[start:])


def learned_splitter(text: str) -> Callable[[str], list[str]]:
    """A splitter into sentences for texts of any language, which learns from a text of it.

    Punkt finds the text's abbreviations by statistics. It learns from the text alone, also where
    NLTK's own models are installed: what is split must not depend on the machine.

    Args:
        text: What to learn from: the whole page of which paragraphs are split.
    """
    from nltk.tokenize.punkt import PunktSentenceTokenizer, PunktTrainer

    parameters = PunktTrainer(text).get_params()
    # what a short text has too seldom to learn from
    parameters.abbrev_types.update(_KNOWN)
    tokenizer = PunktSentenceTokenizer(parameters)

    def split(paragraph: str) -> list[str]:
        found: list[str] = []
        for sentence in tokenizer.tokenize(flat(paragraph)):
            ends = [0, *(match.end() for match in _ANYWAY.finditer(sentence)), len(sentence)]
            found += [sentence[start:end].strip() for start, end in pairwise(ends)]
        return found

    return split


def learned_sentences(paragraphs: list[str]) -> list[list[str]]:
    """The sentences of each paragraph of a page; see :func:`learned_splitter`."""
    return list(map(learned_splitter("\n".join(paragraphs)), paragraphs))


# ---- blanks ----------------------------------------------------------------

_INDENTED = re.compile(r"^(?:\t| {2})[ \t]*+(?![-*+•] |\d{1,3}[.)] )(?P<said>\S.*)$", re.M)
# lines that nobody writes in prose, of the languages that people ask about
_CODE = re.compile(
    r"(?:async )?def \w+\(|class \w+[(:]|(?:el)?if .*:(?: |$)|(?=.*:$)(?:for \(?\w.* in"
    r"|while|with|except|match|case)\b|(?:else|try|finally)\b.*[:{]$"
    r"|(?:return|pass|break|continue|raise|del)\b(?:.*[^.])?$"
    r"|yield |assert |import \w[\w.]*(?: as \w+)?$|from [\w.]+ import |@\w[\w.]*(?:\(.*)?$|#|//|/\*"
    r"|(?:var|let|const|public|private|static|function|func|fn|int|auto|void) \w|<\/?\w[^>]*>$"
    r"|[\w.\[\]'\", *()]{1,80}? ?(?:[-+*/|&%:]|\*\*|//)?= ?[^\s=]|[\w.]+(?:<-|->|=>| <- | -> | => )"
    r"|[\w.]+\(.*\)?;?$|[\])}]++[,;)]*$|.*[{};]$|.*(?:&&|\|\||::)|>>> |\$ "
    r"|(?:SELECT|INSERT|UPDATE|FROM|WHERE) |echo \S|[a-z_][\w-]*+:(?: [^.]{1,60})?$"
    r"|\([a-z][^)]*+$|[^()]*+\(.*\)\)$|.*\)\)\)$"
)
_BLANK_LINES = re.compile(r"(?:[^\S\n]*+\n)*+")


def has_code(text: str) -> bool:
    """Whether lines of a text are indented, and half of these read as those of a program."""
    lines = [line["said"][:500].rstrip() for line in _INDENTED.finditer(text)]
    return bool(lines) and 2 * sum(bool(_CODE.match(line)) for line in lines) >= len(lines)


def is_indented(text: str) -> bool:
    """Whether any line of a text is indented, but for points of a list."""
    return bool(_INDENTED.search(text))


def edged(text: str) -> str:
    """A text without blanks around it; the first line of code keeps its indentation."""
    text = text.rstrip()
    start = _BLANK_LINES.match(text).end()  # type: ignore[union-attr]
    return text[start:] if has_code(text) else text.strip()


def flowed(text: str) -> str:
    """A text on one line with one blank at a time; one that has code keeps its lines."""
    if not has_code(text):
        return flat(text)
    return edged(lined(text))


def lined(text: str) -> str:
    """A text whose lines have no blanks at their ends."""
    return "\n".join(map(str.rstrip, text.split("\n")))
