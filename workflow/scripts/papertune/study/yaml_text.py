"""Reading YAML: its values, the place of each key, and errors in plain words."""

import codecs
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from papertune.errors import SettingsError

LARGEST = 200_000  # bytes of a file: ten times the longest
MOST = 100_000  # values in it
# signs in PyYAML's messages, what is wrong, and what to write
_SLIPS: list[tuple[tuple[str, ...], str, str]] = [
    (("'\\t'",), "a tab", "indent with blanks; YAML allows no tabs there"),
    (
        ("mapping values are not allowed",),
        "a colon where no key can be",
        "put a text with a colon into quotes; indent a key like its neighbours; write a colon and a "
        "blank after the key in the line above",
    ),
    (
        ("undefined alias", "scanning an alias"),
        "a text that begins with * is read as an alias",
        "put it into quotes",
    ),
    (
        ("scanning an anchor",),
        "a text that begins with & is read as an anchor",
        "put it into quotes",
    ),
    (
        ("cannot start any token", "determine a constructor", "'<document start>'", " tag"),
        "a text begins with a character that has a meaning in YAML",
        "put it into quotes",
    ),
    (
        ("expected a single document",),
        "a second document begins",
        "leave one, without the line ---",
    ),
    (
        ("unexpected end of stream",),
        "the quote or bracket that begins here is never closed",
        "close the quote or bracket",
    ),
    (
        ("could not find expected ':'",),
        "a key without a colon, or a text that continues too far left",
        "write `key: value`; indent the lines of a text more than its key",
    ),
    (
        ("expected ',' or",),
        "a list or mapping in brackets is not closed",
        "look for a missing , ] or }",
    ),
    (
        ("escape sequence", "escape character"),
        "a backslash in double quotes begins an escape sequence",
        "write single quotes, or / in a path",
    ),
    (
        ("expected <block end>, but found '<scalar>'",),
        "a text continues after its quotes or brackets",
        "put all of it into one pair of quotes",
    ),
    (
        ("expected <block end>", "expected the node content"),
        "this is not indented like its neighbours",
        "align the keys of a mapping, and the - of a list, in one column",
    ),
]
# a key or item that is indented with special blanks (of web pages, word processors): letters to YAML
_INDENTED = re.compile(
    r"^ *+([\u00a0\u2000-\u200b\u202f\u3000])[^\S\n]*+(?:- |[\w-]++:(?:\s|$))", re.MULTILINE
)


@dataclass(frozen=True)
class Written:
    """The values of a file, and the place of each key."""

    path: str  # place in errors that are about no key of the file
    values: Any
    root: yaml.Node | None = None
    file: str = ""

    def place(self, keys: Iterable[str] = ()) -> str:
        """``file:line:column`` (from 1) of a key, or of the nearest key above it that exists."""
        mark, node, left = None, self.root, list(keys)
        while left:
            inner, used = None, 1
            if isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    own = str(key.value).split(".")  # a sweep's keys have dots
                    if left[: len(own)] == own:
                        inner, used, mark = value, len(own), key.start_mark
            elif isinstance(node, yaml.SequenceNode) and left[0].isdigit():
                inner = next(iter(node.value[int(left[0]) :]), None)
                mark = inner.start_mark if inner else mark
            node, left = inner, left[used:] if inner else []
        return f"{self.file}:{mark.line + 1}:{mark.column + 1}" if mark else self.path


def read(path: str | Path) -> Written:
    """Read a file of safe YAML, in UTF-8, or in UTF-16 with a byte-order mark.

    Raises:
        SettingsError: the file cannot be read, is too large, expands to more than ``MOST`` values, is
            no YAML, or gives a key twice; names file, line and column.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        hint = f"paths are relative to {Path.cwd()}"
        raise SettingsError(
            f"cannot be read: {error.strerror}", where=str(path), hint=hint
        ) from None
    if len(raw) > LARGEST:
        raise SettingsError(
            f"more than {LARGEST:,} bytes", where=str(path), hint="check that it is the right file"
        )
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        what = f"not UTF-8: {raw[max(0, error.start - 20) : error.end + 10]!r}"
        hint = "save it as UTF-8"
        raise SettingsError(what, where=f"{path}:{line}", hint=hint) from None
    if odd := _INDENTED.search(text):
        line, column = text.count("\n", 0, odd.start()) + 1, odd.start(1) - odd.start() + 1
        what = f"a special blank (U+{ord(odd[1]):04X}), which YAML reads as a letter"
        raise SettingsError(what, where=f"{path}:{line}:{column}", hint="indent with plain blanks")
    root = None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is not None and _size(root, {}) > MOST:
            what = f"its aliases expand to more than {MOST:,} values"
            raise SettingsError(what, where=str(path), hint="write the values without * and &")
        _refuse_traps(root, str(path), set())
        values = (
            None if root is None else yaml.constructor.SafeConstructor().construct_document(root)
        )
    except yaml.YAMLError as error:
        raise _in_words(error, str(path)) from None
    except RecursionError:
        raise SettingsError("nested too deeply", where=str(path), hint="nest less") from None
    except ValueError as error:  # a date that does not exist, a number with too many digits
        raise SettingsError(f"not YAML: {error}", where=str(path), hint="quote texts") from None
    return Written(str(path), values, root, str(path))


def _in_words(error: yaml.YAMLError, path: str) -> SettingsError:
    if isinstance(error, yaml.reader.ReaderError):
        what = f"the character {chr(error.character)!r} is not allowed in YAML"
        return SettingsError(what, where=path, hint="delete it")
    problem = getattr(error, "problem", None) or str(error)
    context = getattr(error, "context", None) or ""
    mark = getattr(error, "problem_mark", None)
    if any(sign in problem for sign in ("end of stream", "expected ','", "expected ':'")):
        mark = getattr(error, "context_mark", None) or mark
    said = f"{context} {problem}"
    what, hint = f"not YAML: {problem}", "see how the files in config/experiments are written"
    for signs, *told in _SLIPS:
        if any(sign in said for sign in signs):
            what, hint = told
            break
    where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else path
    snippet = mark.get_snippet(indent=4) if mark and mark.buffer else None
    shown = f"\n{snippet}" if snippet else ""
    return SettingsError(f"{what}{shown}", where=where, hint=hint)


def _refuse_traps(node: Any, path: str, seen: set[int]) -> None:
    """Raise SettingsError where YAML silently misreads: the last value of a key that is given twice,
    012 as ten, 1:30 as ninety.
    """
    number = isinstance(node, yaml.ScalarNode) and node.tag.endswith((":int", ":float"))
    if number and re.fullmatch(r"[-+]?(?:0[0-9_]+|[0-9_]+(?::[0-9.]+)+)", node.value):
        where = f"{path}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
        read_as = yaml.constructor.SafeConstructor().construct_document(node)
        what = f"YAML reads {node.value} as {read_as}"
        raise SettingsError(what, where=where, hint="write the number, or put it into quotes")
    if id(node) in seen or not isinstance(node, yaml.CollectionNode):
        return
    seen.add(id(node))
    first: dict[str, int] = {}
    for part in node.value:
        inner = part
        if isinstance(part, tuple):
            key, inner = part
            line = key.start_mark.line + 1
            if key.value in first and key.value != "<<" and isinstance(key, yaml.ScalarNode):
                what = f"{key.value} is given twice, also in line {first[key.value]}"
                where = f"{path}:{line}:{key.start_mark.column + 1}"
                raise SettingsError(what, where=where, hint="leave one of them")
            if isinstance(key, yaml.ScalarNode):
                first[key.value] = line
        _refuse_traps(inner, path, seen)


def _size(node: Any, known: dict[int, float]) -> float:
    """The number of values of a node, with each alias expanded."""
    if id(node) not in known:
        known[id(node)] = math.inf  # of a node that contains itself
        parts = node.value if isinstance(node.value, list) else []
        pairs = (part if isinstance(part, tuple) else (part,) for part in parts)
        known[id(node)] = 1 + sum(_size(one, known) for pair in pairs for one in pair)
    return known[id(node)]
