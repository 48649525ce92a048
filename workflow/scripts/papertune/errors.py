"""Errors written for people: what was wrong, where, and what to do.

Errors and logs contain text of strangers: titles, replies of servers, addresses. A terminal would
obey control characters in it, and an address may carry a key. :func:`shown` makes such text safe.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from urllib.parse import unquote_plus

# C0 except tab and newline, C1, bidirectional marks, surrogates, tag characters
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_USER = re.compile(r"(?<=://)[^\s/?#\"'<>]*@")
_FIELD = re.compile(r"(?<=[?&;#])([^\s?&;#=\"'<>]{1,100}+)=")
_VALUE = re.compile(r"[^&;\s#\"'<>]++")
# words, or ends of words, in the decoded name of a parameter that carries a key; not auth_type
_KEYS = re.compile(
    r"(?:token|secret|pass(?:word|wd|phrase|code)|pwd|auth(?:orization)?|(?<![a-z])(?:pass|sig|jwt)"
    r"|signature|credentials?|access[^a-z]?(?:key[^a-z]?)?id|(?:api|app|access|auth|user|ws|client"
    r"|consumer|licen[cs]e|private|secret|shared|subscription)[^a-z]?key)(?![a-z]|_type)"
)
# carry keys only if the value is long: `key` may name a record, as in
# dblp.org/rec?key=conf/isca/Smith20, and `session` a part of a conference
_MAYBE = re.compile(r"(?:(?<!mon)key|(?<![a-z])sid|session|sess(?:ion)?[^a-z]?id)(?![a-z]|_type)")
_LONG = re.compile(r"[\w.~+*-]{16}")


def _keys(text: str) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    """The parameters in a text that carry keys: matches of name and value."""
    end = 0
    for field in _FIELD.finditer(text):
        if field.start() < end:  # within the previous key
            continue
        name = re.sub("(?<=[a-z])(?=[A-Z])", "_", unquote_plus(field[1])).lower()
        maybe = _MAYBE.search(name) and _LONG.match(text, field.end())
        if (maybe or _KEYS.search(name)) and (value := _VALUE.match(text, field.end())):
            end = value.end()
            yield field, value


def _without(text: str, stars: str = "") -> str:
    """A text with ``stars`` in place of its keys; if empty, the parameters are left out."""
    kept, end = [], 0
    for field, value in _keys(text):
        kept += [text[end : field.end() if stars else field.start()], stars]
        end = value.end()
    return "".join(kept) + text[end:]


def shown(text: str) -> str:
    """A text without control characters, and without users and keys in its addresses.

    A control character is written as Python writes it (``\\x1b``), a key as ``***``.
    """
    if "://" in text or "=" in text:
        text = _without(_USER.sub("***@", text), "***")
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """As :func:`shown`, on one line, with single blanks: it cannot forge a line of a log."""
    return shown(" ".join(text.split()))


def has_user(text: str) -> bool:
    """Whether an address in the text has a user, or a user and a password."""
    return _USER.search(text) is not None


def without_keys(url: str) -> str:
    """An address without the parameters that carry keys."""
    if (kept := _without(url)) == url:
        return url
    return re.sub(r"(?<![?&])[?&]++(?=#|\Z)", "", re.sub("(?<=[?&])[&;]+", "", kept))


def keys_in(text: str) -> list[str]:
    """The keys that addresses in the text carry as parameters, both as written and decoded."""
    return [form for _, value in _keys(text) for form in (value[0], unquote_plus(value[0]))]


class PapertuneError(Exception):
    """A failure that the user can act on; scripts print it without a traceback.

    It says what was wrong in one sentence, where (file and line, key or URL), and what to do. Texts
    pass through :func:`shown`.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what, self.where, self.hint = map(shown, (what, where, hint))
        super().__init__(self.what)

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.hint:
            lines.append(f"  What to do: {self.hint}")
        return "\n".join(lines)


def run_command(main: Callable[[list[str]], None]) -> None:
    """Call ``main`` with the command line's arguments; errors, Ctrl-C and a closed pipe show no traceback."""
    try:
        main(sys.argv[1:])
        sys.stdout.flush()
    except PapertuneError as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Python flushes what is left as it ends, and would complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


class BusyError(PapertuneError):
    """Another run in the directory prevents this one."""


class SettingsError(PapertuneError):
    """An experiment file with invalid or contradictory settings."""


class RecordError(PapertuneError):
    """A record file with a line that cannot be read."""


class CollectError(PapertuneError):
    """A source that did not deliver: a challenge, an empty listing, an unreachable host."""


class GeneratorError(PapertuneError):
    """A generator that cannot write pairs: an unreachable server, a missing model, a wrong key."""


class ServerError(GeneratorError):
    """A model server that cannot be used: it does not start, dies, refuses the key or the model."""


class TrainingError(PapertuneError):
    """Training that cannot start or continue."""


class TryAgain(TrainingError):
    """Training that has to restart in new processes, in another way, such as in smaller batches."""


class EvaluationError(PapertuneError):
    """Answers or scores that cannot be evaluated: none at all, or of different questions."""
