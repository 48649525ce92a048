"""Which blanks of a text mean something: prose flows, code keeps its lines and their indentation."""

import re

from papertune.sentences import flat

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
