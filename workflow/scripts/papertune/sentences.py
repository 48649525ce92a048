"""Text in any script: Unicode normalization, word counts, sentence splitting and white space
(prose is joined into one line, code keeps its lines and indentation); no data to download.

Chinese, Japanese, Thai, Lao, Khmer and Burmese put no spaces between words. For these scripts the
number of words is estimated from the letters, and character n-grams take the place of words.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

import regex


class Script(NamedTuple):
    """A script without spaces between words."""

    letters: str  # a character class of regex
    per_word: float  # letters and marks per word, on average
    gram: int  # letters of an n-gram long enough to distinguish topics


SCRIPTS = (
    Script(r"\p{Han}", 1.5, 2),
    Script(r"\p{Hiragana}\p{Katakana}ー", 2.5, 2),
    Script(r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}", 4.5, 4),
)
SPACELESS = "".join(script.letters for script in SCRIPTS)
_RUNS = [(regex.compile(f"[{script.letters}]+"), script.per_word) for script in SCRIPTS]
BETWEEN = regex.compile(f"[{SPACELESS}]++")
# particles of Chinese, which occur between words and in every text
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
# a number, or letters with their combining marks (vowels of Hindi, points of Hebrew)
WORD = regex.compile(r"\d++(?:[.,]\d++)*+|(?:[^\W\d_]|\p{No}|(?<=\w)[\u200c\u200d](?=\w))++")

# a dot after one of these does not end a sentence
_SHORT = r"e\.g|i\.e|cf|vs|resp|fig|eq|sec|thm|prop|lem|dr|prof|approx|w\.r\.t|a\.k\.a|i\.i\.d"
# the same in other languages
_SHORT += r"|bzw|vgl|ggf|abb|рис|табл|т\.е|π\.χ|δηλ|esim|vrt"
_ABBREVIATIONS = re.compile(rf"\b(?:{_SHORT}|et al|no|[A-ZА-Я])\.$", re.IGNORECASE)
_KNOWN = {"al", "mr", "mrs", "ms", "st", "jr", "sr", "ca", "u.s", "z.b"}
_KNOWN.update(_SHORT.replace("\\", "").split("|"))
# these need no space after them
_ENDS_ANYWAY = r"[。！？｡]++[\"'”’）」』】》]*+\s*+(?=\S)|[؟۔।॥።။៕]++[\"')\]”’»]*+\s*+(?=\S)"
_END = regex.compile(
    r"[.!?][\"')\]”’]*\s+(?=[\"'(\[“‘$\\]*[A-Z0-9])"
    # Thai and Lao end a sentence with a space
    r"|(?<=[\p{Thai}\p{Lao}])\s+(?=[\p{Thai}\p{Lao}])"
    rf"|[.!?;][\"')\]”’»]*\s+(?=[\"'(\[“‘«„]*[\p{{Lu}}\p{{Lo}}--[\x00-\x7f]])|{_ENDS_ANYWAY}",
    regex.V1,
)
_ANYWAY = re.compile(f"(?:{_ENDS_ANYWAY})")
_MOST_MARKS = 30
# so many combining marks may follow each other in these
_MARKS = re.compile(rf"[^\w\s\x00-\u02ff]{{{_MOST_MARKS + 1},}}+")

_RUN = re.compile(r"\s{30,}+")
_DEEPEST = 100  # spaces of indentation that are kept
# a line break within Chinese or Japanese
_BROKEN = regex.compile(
    r"(?<=[\p{Han}\p{Hiragana}\p{Katakana}ー、。，；：！？）」』])[^\S\n]*+\n\s*+"
    r"(?=[\p{Han}\p{Hiragana}\p{Katakana}（「『《、。，；：！？）」』])"
)


def without_runs(text: str) -> str:
    """Shorten each long run of white space to one space, or to an empty line and the next line's
    indentation if the run has line breaks.

    Such runs serve only to slow a reader down, so untrusted text passes through here first.
    """
    if (
        text.isprintable() and " " * 30 not in text
    ):  # then it has no other white space; searching takes long
        return text
    return _RUN.sub(_shortened, text)


def _shortened(run: re.Match[str]) -> str:
    _, broken, indentation = run[0].rpartition("\n")
    return f"\n\n{indentation[:_DEEPEST]}" if broken else " "


def flat(text: str) -> str:
    """Join a text into one line, single-spaced; Chinese and Japanese lines join without a space."""
    return " ".join((text if text.isascii() else _BROKEN.sub("", text)).split())


def composed(text: str, form: Literal["NFC", "NFKC", "NFKD"] = "NFC") -> str:
    """Return a text in a Unicode normalization form.

    A long text keeps the first 30 combining marks of each letter, as Unicode's Stream-Safe Text
    Format does, because sorting marks takes quadratic time.
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
    """Count the words of a text; in scripts without spaces, estimate them from the letters
    (1.5 per word of Chinese, 2.5 of kana, 4.5 of Thai, Lao, Khmer or Burmese).
    """
    if text.isascii():
        return len(text.split())
    letters = [(sum(map(len, run.findall(text))), rate) for run, rate in _RUNS]
    if not any(count for count, _ in letters):
        return len(text.split())
    between = sum(bool(regex.search(r"\w", part)) for part in BETWEEN.sub(" ", text).split())
    return between + math.ceil(sum(count / rate for count, rate in letters))


def terms(text: str, shortest: int) -> set[str]:
    """Return the words of at least ``shortest`` letters for comparing texts; character n-grams in
    scripts without spaces.
    """
    words = re.findall(r"\w+", BETWEEN.sub(" ", text.lower()))
    return {word for word in words if len(word) >= shortest} | {gram for gram, _ in grams(text)}


def grams(text: str) -> Iterator[tuple[str, Script]]:
    """Yield character n-grams that stand for words in scripts without spaces, and the script."""
    for content, script in CONTENT if BETWEEN.search(text) else ():
        for run in content.findall(text):
            for start in range(len(run) - script.gram + 1):
                yield run[start : start + script.gram], script


def is_spaceless(text: str) -> bool:
    """Whether most letters of a text are of a script without spaces between words."""
    inside = sum(map(len, BETWEEN.findall(text)))
    return inside > 0 and 2 * inside > sum(map(str.isalpha, text))


def sentences(text: str) -> list[str]:
    """Split a text into sentences, white space collapsed to single spaces.

    A line that does not end with a full stop continues in the next one, as in wrapped text.
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
    """Return a sentence splitter for any language, learned from a text in that language.

    Punkt finds the text's abbreviations by statistics. It learns from the text alone, even if
    NLTK's own models are installed: the result must not depend on the machine.

    Args:
        text: Training text: the whole page whose paragraphs are to be split.
    """
    from nltk.tokenize.punkt import PunktSentenceTokenizer, PunktTrainer

    parameters = PunktTrainer(text).get_params()
    # too rare in a short text to be learned
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


# ---- spaces ----------------------------------------------------------------

_INDENTED = re.compile(r"^(?:\t| {2})[ \t]*+(?![-*+•] |\d{1,3}[.)] )(?P<said>\S.*)$", re.M)
# lines that occur in code only, of the languages that people ask about
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
    """Whether a text has indented lines, half of which look like program code."""
    lines = [line["said"][:500].rstrip() for line in _INDENTED.finditer(text)]
    return bool(lines) and 2 * sum(bool(_CODE.match(line)) for line in lines) >= len(lines)


def is_indented(text: str) -> bool:
    """Whether any line of a text is indented, list items aside."""
    return bool(_INDENTED.search(text))


def edged(text: str) -> str:
    """Strip a text of surrounding white space; the first line of code keeps its indentation."""
    text = text.rstrip()
    start = _BLANK_LINES.match(text).end()  # type: ignore[union-attr]
    return text[start:] if has_code(text) else text.strip()


def flowed(text: str) -> str:
    """Join a text into one line, single-spaced; a text with code keeps its lines."""
    if not has_code(text):
        return flat(text)
    return edged(lined(text))


def lined(text: str) -> str:
    """Strip white space from the ends of a text's lines."""
    return "\n".join(map(str.rstrip, text.split("\n")))
