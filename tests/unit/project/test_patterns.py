"""Every pattern of the library takes linear time, whatever text it is given.

Patterns are found in the source, wherever ``re`` is called; hostile texts are made of each pattern's
own parse tree: what leads to a repetition, what is repeated up to a million times, and an end at
which the whole fails.
"""

import ast
import importlib
import re
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from re import _constants as of  # what ``re.compile`` itself reads with
from re import _parser as parser
from typing import Any

import pytest

import papertune
from papertune.collect.listings.contents import SIGNS
from papertune.collect.web.pages import CHALLENGES

LIBRARY = Path(papertune.__file__).parent
TREES = {
    str(path.relative_to(LIBRARY)): ast.parse(path.read_text("utf-8"))
    for path in sorted(LIBRARY.rglob("*.py"))
}
USES = {"search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
# what loops and arguments of functions fill into a pattern
FILLED = {
    "collect/listings/contents.py": [{"begins": one.begins.pattern} for one in SIGNS.values()],
    "collect/web/pages.py": [{"title": title, "mark": mark} for title, mark in CHALLENGES.values()],
    "collect/texts/wikipedia_text.py": [{"mark": "="}],
    "examples/control.py": [{"known": "\ue000\ue001", "texts": ["<a>", "<b>"]}],
    "footprint/architecture.py": [{"targets": r".*\.(q|v)_proj"}],  # the user's own, as in peft
    "study/settings/models.py": [{"targets": "q_proj"}],  # only whether it is a pattern
}
SIZES = (64, 512, 8192)  # of all texts; the two worst of each pattern grow on to
LONG = 1_000_000
ENDS = ("\0a", "\n\0")
PLAIN = (" ", "\n", "a", "1", "!", ".", "<", "(", "{", "[", "$", "\\", "a ", '"', "=", "-", "&")
KINDS = {
    of.CATEGORY_SPACE: " \n", of.CATEGORY_DIGIT: "1", of.CATEGORY_WORD: "a1",
    of.CATEGORY_NOT_SPACE: "a!", of.CATEGORY_NOT_WORD: " !", of.CATEGORY_NOT_DIGIT: "a ",
}  # fmt: skip
REPEATS = (of.MAX_REPEAT, of.MIN_REPEAT, of.POSSESSIVE_REPEAT)


class Slow(Exception):
    """A text took too long."""


def test_patterns_are_called_where_they_can_be_seen():
    for name, tree in TREES.items():
        called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            assert not (isinstance(node, ast.ImportFrom) and node.module in ("re", "regex")), name
            if isinstance(node, ast.Attribute) and node.attr in {*USES, "compile"}:
                assert ast.unparse(node.value) != "re" or id(node) in called, (name, node.lineno)
        patterns_of(name)  # raises for what it cannot read


@pytest.mark.parametrize(
    "name", [name for name, tree in TREES.items() if "re." in ast.unparse(tree)]
)
def test_each_pattern_is_linear_on_its_worst_text(name):
    slow = []
    for (pattern, flags), uses in patterns_of(name).items():
        found = worst(pattern, flags, "finditer" if uses - {"match", "fullmatch"} else "match")
        slow += [f"{pattern!r}: {found}"] * bool(found)
    assert not slow, "\n".join(slow)


def test_what_is_not_linear_is_found():
    for pattern in (r"\s+$", r"x*y", r"(a|a)*b", r"<a(?:\s+\w+=[^<>]*)?\s*>", r"\bfoo\b.*\bbar\b"):
        assert worst(pattern, 0, "finditer"), pattern
    assert worst(r"\s*,?\s*;", 0, "match")
    assert not worst(r"(?<!\s)\s++$", 0, "finditer")


@cache
def patterns_of(name: str) -> dict[tuple[Any, int], set[str]]:
    """A module's patterns with their flags, and the ways in which it uses each."""
    parts = ("papertune", *Path(name).with_suffix("").parts)
    module = vars(importlib.import_module(".".join(parts).removesuffix(".__init__")))
    found = defaultdict(set)
    seen = set()  # the calls that made constants
    for node in TREES[name].body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            target = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
            made = list(patterns_in(module.get(target)))
            seen |= {id(part) for part in ast.walk(node) if made}
            for pattern in made:
                found[pattern.pattern, pattern.flags & ~re.UNICODE] |= uses_of(target, name)
    for node in ast.walk(TREES[name]):
        if id(node) in seen or not isinstance(node, ast.Call):
            continue
        room, _, use = ast.unparse(node.func).rpartition(".")
        if room != "re" or use not in {*USES, "compile"}:
            continue
        said = " ".join(map(ast.unparse, (*node.args[1:], *node.keywords)))
        flags = sum(getattr(re, flag) for flag in set(re.findall(r"\bre\.([A-Z]+)\b", said)))
        for filled in FILLED.get(name, [{}]):
            pattern = eval(ast.unparse(node.args[0]), module | filled)
            if not isinstance(pattern, re.Pattern):
                found[pattern, int(flags)].add(use)
    return found


def patterns_in(value: Any) -> Iterator[re.Pattern]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from patterns_in(item)


def uses_of(constant: str, name: str) -> set[str]:
    """The methods of a pattern that are called, here or, where it is public, anywhere."""
    modules = [name] if constant.startswith("_") else TREES
    return set().union(*(uses_in(module)[constant] for module in modules))


@cache
def uses_in(name: str) -> defaultdict[str, set[str]]:
    """How a module uses each name: its methods that are called, or that it is handed on."""
    found = defaultdict(set)
    nodes = list(ast.walk(TREES[name]))
    method = {id(node.value): node.attr for node in nodes if isinstance(node, ast.Attribute)}
    for node in nodes:
        named = getattr(node, "id", getattr(node, "attr", None))
        if named and not isinstance(node.ctx, ast.Store):
            found[named].add(method.get(id(node), "handed on"))
    return found


def worst(pattern: str | bytes, flags: int, use: str) -> str:
    """The text that takes a pattern too long, in words; nothing where there is none."""
    run = getattr(re.compile(pattern, flags), use)
    texts = list(hostile(pattern, flags))
    for size in (*SIZES, LONG):
        took = []
        for before, unit, end in texts:
            text = before + unit * (size // len(unit)) + end
            most = 0.02 + 2e-6 * size
            given = text.encode() if isinstance(pattern, bytes) else text
            seconds = timed(run, given, most)
            if seconds > most and (seconds := timed(run, given, most)) > most:
                return (
                    f"{size:,} letters of {before[-30:]!r} + {unit!r}… + {end!r}: {seconds:.2f} s"
                )
            took.append((seconds, (before, unit, end)))
        if size == SIZES[-1]:
            texts = [text for _, text in sorted(took)[-2:]]
    return ""


def timed(run: Any, text: str | bytes, most: float) -> float:
    """Seconds of the processor that a pattern takes; it is stopped soon after ``most``."""

    def stop(*_: Any) -> None:
        raise Slow

    began = time.process_time()
    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, most + 0.1)
    try:
        found = run(text)
        for _ in found if isinstance(found, Iterator) else ():
            pass
    except Slow:
        pass
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    return time.process_time() - began


def hostile(pattern: str | bytes, flags: int) -> dict[tuple[str, str, str], None]:
    """What stands before, what is repeated, and what stands behind."""
    texts = {("", unit): None for unit in PLAIN}
    tree = parser.parse(pattern, flags)
    for optional in (0, 1):
        for before, unit in repeated(tree, optional):
            texts |= dict.fromkeys([(before, unit), ("", before + unit), ("", before + unit * 5)])
            # words are told apart by what stands between them
            texts |= dict.fromkeys([("", before + unit + " "), ("", before + " ")])
            if before:
                texts |= dict.fromkeys([("", before), ("", before + "\n")])
    return {(*text, end): None for text in texts for end in ENDS}


def repeated(tree: Any, optional: int, before: str = "") -> Iterator[tuple[str, str]]:
    """Each repetition of a pattern: what leads to it, and what it repeats."""
    for kind, value in tree:
        if kind in REPEATS:
            if value[1] >= 30:
                for choice in range(4):
                    yield before, sample(value[2], optional, choice) or "a"
            yield from repeated(value[2], optional, before)
        for inner in inside(kind, value):
            yield from repeated(inner, optional, before)
        before += one(kind, value, optional)


def inside(kind: Any, value: Any) -> list[Any]:
    """The parts of a group."""
    if kind is of.BRANCH:
        return value[1]
    if kind in (of.ASSERT, of.ASSERT_NOT):
        return [value[1]]
    return {of.SUBPATTERN: lambda: [value[3]], of.ATOMIC_GROUP: lambda: [value]}.get(kind, list)()


def sample(tree: Any, optional: int, choice: int = 0) -> str:
    """A text that part of a pattern matches, more or less."""
    return "".join(one(kind, value, optional, choice) for kind, value in tree)


def one(kind: Any, value: Any, optional: int, choice: int = 0) -> str:
    if kind is of.LITERAL:
        return chr(value)
    if kind is of.NOT_LITERAL or kind is of.ANY:
        return "b" if value == ord("a") else "a"
    if kind is of.IN:
        letters = letters_of(value)
        return letters[choice % len(letters)]
    if kind in REPEATS:
        return sample(value[2], optional, choice) * max(value[0], min(optional, value[1]))
    if kind in (of.ASSERT, of.ASSERT_NOT):
        return ""
    parts = inside(kind, value)
    return sample(parts[choice % len(parts)], optional, choice) if parts else ""


def letters_of(items: Any) -> str:
    """A few letters of a class, plain ones first."""
    found = ""
    for kind, value in items:
        if kind in (of.LITERAL, of.RANGE):
            found += "".join(map(chr, [value] if kind is of.LITERAL else value))
        elif kind is of.CATEGORY:
            found += KINDS[value]
    if items[0][0] is of.NEGATE:
        return "".join(letter for letter in "a <({[$\\\"'.1\n!" if letter not in found) or "~"
    return "".join(sorted(set(found), key=lambda letter: (letter not in " a\n1", letter)))
