"""The program made from an answer: its code, after the question's where the answer continues that.

Chat models write a whole function in a fenced block; base models continue the code of the question.
The text of the answer shows which of the two it is.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

LONGEST = 100_000  # characters of code that are read
TRIED = 200  # lines at the end that may be left out until the rest is valid code

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n`]*$\n?", re.M)
_BEGINS = re.compile(r"^(?:from|import|def|async def|class|@\w)", re.M)
_FUTURE = re.compile(r"^from __future__ import .*\n", re.M)  # which must come first
_NAME = re.compile(r"[^\W\d]\w*")
# a continued function ends before a line outside of it (the stop sequences of Chen et al. 2021)
_OUTSIDE = re.compile(r"\n(?=[^\s)\]}#])|\n(?=#)")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def syntax_of(code: str) -> ast.Module | None:
    """The syntax tree of code; ``None`` if it is invalid or too deeply nested. Nothing is run."""
    try:
        with warnings.catch_warnings(action="ignore"):  # about invalid escapes
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@lru_cache(4096)
def parsed(code: str) -> ast.Module | None:
    """:func:`syntax_of`, cached; ``None`` also for code that is longer than :data:`LONGEST`."""
    return None if len(code) > LONGEST else syntax_of(code)


def compiles(code: str) -> bool:
    """Whether Python can compile code; unlike parsing, this rejects ``return`` outside functions."""
    tree = parsed(code)
    try:
        with warnings.catch_warnings(action="ignore"):
            return tree is not None and bool(compile(code, "program.py", "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


@dataclass(frozen=True)
class Problem:
    """A programming question with its check.

    ``entry_point`` is the function that an answer defines, as it is called: ``f`` or
    ``Solution().f``; empty: the last function that the question defines.
    """

    question: str
    check: str = ""
    entry_point: str = ""

    @cached_property
    def given(self) -> ast.Module | None:
        """The syntax tree of the question, if it is code or the beginning of a function."""
        for ending in ("", "\n    pass"):
            tree = parsed(f"{self.question}{ending}")
            if tree is not None and any(
                isinstance(one, Function | ast.ClassDef) for one in tree.body
            ):
                return tree
        return None

    @cached_property
    def called(self) -> str:
        """The expression that calls the function; empty if it is not known."""
        if self.entry_point:
            return self.entry_point
        found = [
            one.name for one in _functions(self.given) if one in getattr(self.given, "body", ())
        ]
        return found[-1] if found else ""

    def defined(self, tree: ast.Module | None) -> bool:
        """Whether code defines the name that is called."""
        names = _NAME.findall(self.called)
        if tree is None or not names:
            return False
        return any(getattr(one, "name", None) == names[0] for one in tree.body)

    def function(self, tree: ast.Module | None) -> Function | None:
        """The definition of the called function in code; the last one of several."""
        names = _NAME.findall(self.called)
        found = [one for one in _functions(tree) if names and one.name == names[-1]]
        return found[-1] if found else None

    @cached_property
    def before(self) -> str:
        """The lines of the question before the function: imports and helper functions."""
        function = self.function(self.given)
        body = getattr(self.given, "body", ())
        top = [one for one in body if any(other is function for other in ast.walk(one))]
        if not top:
            return ""
        first = min(one.lineno for one in (top[0], *getattr(top[0], "decorator_list", ())))
        return "".join(self.question.splitlines(keepends=True)[: first - 1])


def code_of(problem: Problem, text: str) -> str:
    """The code of an answer that is run, without the check."""
    text = _read(text)
    for code in _whole(problem, text):
        first = "".join(_FUTURE.findall(code))
        return f"{first}{problem.before}{_FUTURE.sub('', code) if first else code}"
    inside = _inside(text)
    if problem.given is None:
        return inside
    made = [f"{problem.question.rstrip()}\n{one}\n" for one in _bodies(inside)]
    return next((one for one in made if compiles(one)), made[-1])


def program_of(problem: Problem, text: str) -> str:
    """A program that fails if an answer is wrong."""
    lines, check = [code_of(problem, text), problem.check], parsed(problem.check)
    if any(one.name == "check" and one in check.body for one in _functions(check)):  # type: ignore[union-attr]
        calls = (one.value for one in check.body if isinstance(one, ast.Expr))  # type: ignore[union-attr]
        if not any(isinstance(c, ast.Call) and getattr(c.func, "id", "") == "check" for c in calls):
            lines.append(f"check({problem.called})")
    return "\n\n".join(lines) + "\n"


def is_code_alone(problem: Problem, text: str) -> bool:
    """Whether the answer is code only: complete, without words before or after it."""
    outside, blocks = _parted(text := _read(text))
    if blocks and outside.strip():
        return False
    own = "\n".join(blocks) if blocks else text
    choices = [own]
    if problem.given is not None and not problem.defined(parsed(own)):
        choices = [f"{problem.question.rstrip()}\n{one}" for one in _bodies(own, cut=False)]
    return bool(own.strip()) and any(map(compiles, choices))


def same_arguments(problem: Problem, code: str, reference: str) -> bool:
    """Whether code defines the required function with the right number of arguments.

    The right number is that in the question or, if this is not code, in the ``reference``.
    """
    mine = problem.function(parsed(code))
    wanted = problem.function(problem.given) or problem.function(parsed(reference))
    if mine is None:
        return False
    return wanted is None or _count(mine) == _count(wanted)


def _read(text: str) -> str:
    return text[:LONGEST].replace("\r\n", "\n")


def _count(function: Function) -> tuple[int, int, bool, bool]:
    own = function.args
    placed = len(own.posonlyargs) + len(own.args)
    return placed, len(own.kwonlyargs), own.vararg is not None, own.kwarg is not None


def _functions(tree: ast.Module | None) -> list[Function]:
    return [] if tree is None else [one for one in ast.walk(tree) if isinstance(one, Function)]


def _parted(text: str) -> tuple[str, list[str]]:
    """The text outside fenced blocks, and each block; an unclosed block extends to the end."""
    fences = list(_FENCE.finditer(text))
    if (
        len(fences) == 1
        and fences[0][0].strip(" \t\n`~") == ""
        and text[: fences[0].start()].strip()
    ):
        begun, after = text[: fences[0].start()], text[fences[0].end() :]
        if parsed(begun) is not None or not _BEGINS.search(after):
            return after, [begun]  # the block was open before the answer began
    outside, blocks, end = "", [], 0
    for place in range(0, len(fences), 2):
        closing = fences[place + 1] if place + 1 < len(fences) else None
        outside += text[end : fences[place].start()]
        end = closing.end() if closing else len(text)
        blocks.append(text[fences[place].end() : closing.start() if closing else end])
    return outside + text[end:], blocks


def _inside(text: str) -> str:
    _, blocks = _parted(text)
    return max(blocks, key=len) if blocks else text


def _whole(problem: Problem, text: str) -> Iterator[str]:
    """The pieces of code in an answer that define the called name by themselves."""
    _, blocks = _parted(text)
    for one in (*blocks, "\n".join(blocks), *([] if blocks else [text])):
        begin = _BEGINS.search(one)
        for some in (one, *([one[begin.start() :]] if begin else [])):
            code = _ended(some)
            if problem.defined(parsed(code)):
                yield code


def _ended(code: str) -> str:
    """Code without the lines at its end that make it invalid: prose, or an unfinished part."""
    lines = code.rstrip().split("\n")
    for left_out in range(min(TRIED, len(lines))):
        some = "\n".join(lines[: len(lines) - left_out])
        if parsed(some) is not None:
            return some
    return code


def _bodies(text: str, cut: bool = True) -> Iterator[str]:
    """Possible continuations of a function, likeliest first: indentation may be missing everywhere or
    in the first line.

    With ``cut``, the last ends before the first line outside the function.
    """
    first, _, rest = text.lstrip("\n").partition("\n")
    if not first.startswith((" ", "\t")):
        yield "\n".join(
            f"    {line}" if line.strip() else "" for line in (first, *rest.split("\n"))
        )
        text = f"    {first}\n{rest}"
    yield _OUTSIDE.split(text, maxsplit=1)[0] if cut else text
