"""Pairs in YAML, HTML or LaTeX: YAML is parsed, the others are converted to plain text."""

import html
import json
import re
from typing import Any

import yaml

from papertune.generators import marked, plain_text
from papertune.generators.plain_text import Pairs
from papertune.generators.shapes import pairs_of

LONGEST = 20_000  # most characters of YAML that is read, as PyYAML is slow

_ITEM = re.compile(r"^( {0,40})- +[\w ]{1,40}:(?:[ \t]|$)", re.M)
_KEY_AND_TEXT = re.compile(r"^([ ]*+(?:- +)?[\w ]{1,40}:[ \t]++)(?![\"'|>])(\S[^\n]*+)$", re.M)

_BLOCK = re.compile(r"<(?:li|p|dt|dd|h[1-6]|tr|td|summary|div|br)\b[^<>]{0,200}>", re.I)
_HTML = [
    (re.compile(r"</?(?:b|strong)\b[^<>]{0,200}>", re.I), "**"),
    (re.compile(r"<h[1-6]\b[^<>]{0,200}>", re.I), "\n### "),
    (re.compile(r"<(?:dt|summary)\b[^<>]{0,200}>", re.I), "\n**"),
    (re.compile(r"</(?:dt|summary)>", re.I), "**\n"),
    (re.compile(r"<t[dh]\b[^<>]{0,200}>", re.I), "|"),
    (re.compile(r"</tr>\s*+", re.I), "|\n"),
    (re.compile(r"</?code>", re.I), "`"),
    (
        re.compile(
            r"</?(?:li|p|dd|h[1-6]|div|br|ul|ol|dl|details|section|article|table|thead|tbody|html"
            r"|body|hr)\b[^<>]{0,200}>",
            re.I,
        ),
        "\n",
    ),
    (re.compile(r"</?(?:t[dhr]|em|i|u|span|small)\b[^<>]{0,200}>", re.I), ""),
]
_IN_BRACES = r"\{((?:[^{}]++|\{[^{}]*+\})*+)\}"
_LATEX = [
    (re.compile(r"\\(?:begin|end)\{[^{}\n]{1,40}\}(?:\[[^\]\n]{0,80}\])?"), ""),
    (re.compile(r"\\item[ \t]*+\[([^\]\n:]{1,80}):?\]"), r"\n**\1:** "),
    (re.compile(r"\\item\b[ \t]*+"), "\n"),
    (re.compile(rf"\\(question|answer)\*?{_IN_BRACES}", re.I), r"\n\1: \2"),
    (re.compile(r"\\(?:textbf|textit|emph)\{([^{}\n]{1,200})\}"), r"**\1**"),
    (re.compile(r"\\(?:section|subsection|paragraph)\*?\{([^{}\n]{1,200})\}"), r"\n### \1\n"),
]
_OF_LATEX = re.compile(r"\\(?:item\b|question\{|textbf\{|(?:sub)?section\*?\{|paragraph\{)")


class _Loader(yaml.SafeLoader):
    """Refuses aliases, as a few lines of them can expand without end."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias")
        return super().compose_node(parent, index)


def read_yaml(text: str) -> Pairs:
    """Pairs of a YAML list of objects; empty if it is not complete YAML."""
    first = _ITEM.search(text)
    if first is None:
        return []
    lines: list[str] = []
    width = len(first[1])
    for line in text[first.start() :].splitlines():
        indent = len(line) - len(line.lstrip(" "))
        if line.strip() and (indent < width or (indent == width and line[width] != "-")):
            if lines and lines[-1].strip() and not line.lstrip().startswith("```"):
                return []  # the text of an item continues there
            break
        lines.append(line)
    block = "\n".join(lines)
    if len(block) > LONGEST:
        return []
    try:
        return pairs_of(yaml.load(_KEY_AND_TEXT.sub(_quoted, block), _Loader))
    except (yaml.YAMLError, RecursionError, ValueError):
        return []


def _quoted(line: re.Match[str]) -> str:
    """A key with its text in quotes, as models write unquoted colons."""
    return line[1] + json.dumps(line[2].rstrip(), ensure_ascii=False)


def read_markup(text: str, cut: bool) -> Pairs:
    """Pairs of HTML or LaTeX in which questions are labelled, numbered or bold."""
    plain = text
    if _BLOCK.search(text):
        for pattern, by in _HTML:
            plain = pattern.sub(by, plain)
        plain = html.unescape(plain)
    elif _OF_LATEX.search(text):
        for pattern, by in _LATEX:
            plain = pattern.sub(by, plain)
    if plain == text:
        return []
    return (
        marked.read_table(plain)
        or plain_text.read_labelled(plain, cut)
        or plain_text.read_numbered(plain, cut)
    )
