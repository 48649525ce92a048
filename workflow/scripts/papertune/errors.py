"""Errors written for people: what was wrong, where, and what to do.

Servers, pages and files of strangers have a say in them, and in logs: titles, replies, addresses. A
terminal would obey the control characters there, and an address may carry somebody's key. What others
wrote is told, and kept of addresses, as it may be shown.
"""

import re
from urllib.parse import unquote_plus

# C0 but tab and newline, C1, marks that turn the direction of a line, halves of pairs, tags
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_USER = re.compile(r"(?<=://)[^\s/?#\"'<>]*@")
_NAMES = (
    r"(?:x-(?:amz|goog)-)?(?:signature|credential|security-token)|sig|googleaccessid|awsaccesskeyid"
    r"|(?:[a-z]++[_-])?api[_-]?key|(?:[a-z]++[_-])?token|(?:[a-z]++[_-])?secret|access[_-]?key"
    r"|accesstoken|authtoken|authorization|password|passwd|pwd|jwt"
)
# a short `key` is a name: dblp.org/rec?key=conf/isca/Smith20
_PARAMETER = re.compile(
    rf"(?<=[?&;#])((?:{_NAMES})=|key=(?=[\w.~+*-]{{16}}))([^&;\s#\"'<>]++)", re.IGNORECASE
)


def shown(text: str) -> str:
    """A text without what a terminal would obey, and without users and keys in its addresses.

    A control character is written as Python writes it (``\\x1b``), a key as ``***``.
    """
    if "://" in text or "=" in text:
        text = _PARAMETER.sub(r"\1***", _USER.sub("***@", text))
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """The same, its blanks and line breaks as single blanks: no line of a log begins within it."""
    return shown(" ".join(text.split()))


def has_user(text: str) -> bool:
    """Whether an address in the text has a user, or a user and a password."""
    return _USER.search(text) is not None


def without_keys(url: str) -> str:
    """An address without the parameters that carry keys."""
    if (kept := _PARAMETER.sub("", url)) == url:
        return url
    return re.sub(r"(?<![?&])[?&]++(?=#|\Z)", "", re.sub("(?<=[?&])[&;]+", "", kept))


def keys_in(text: str) -> list[str]:
    """The keys that addresses in the text carry as parameters, as they stand there and decoded."""
    return [
        form for found in _PARAMETER.finditer(text) for form in (found[2], unquote_plus(found[2]))
    ]


class PapertuneError(Exception):
    """A failure that the user can act on; scripts print it without a traceback.

    It says what was wrong in one sentence, where (file and line, key or url), and what to do; of
    what others wrote only that which may be shown.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what, self.where, self.hint = map(shown, (what, where, hint))
        super().__init__(self.what)

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.hint:
            lines.append(f"  What to do: {self.hint}")
        return "\n".join(lines)


class BusyError(PapertuneError):
    """Another run is at work in the directory and in the way."""


class SettingsError(PapertuneError):
    """An experiment file that says something impossible."""


class RecordError(PapertuneError):
    """A record file with a line that cannot be read."""


class CollectError(PapertuneError):
    """A source that did not give what it should: a challenge, an empty listing, a dead host."""


class GeneratorError(PapertuneError):
    """A generator that cannot write pairs: a dead server, a missing model, a wrong key."""


class TrainingError(PapertuneError):
    """Training that cannot start or go on."""


class TryAgain(TrainingError):
    """Training that has to begin anew in new processes, which will do it otherwise."""


class EvaluationError(PapertuneError):
    """Answers or scores that cannot be judged: none at all, or of different questions."""
