"""A Stack Exchange data dump's ``Posts.xml``: the best questions with their best answers.

A dump can be far larger than memory, and its answers are not next to their questions. It is read
twice: first for the numbers by which posts are selected, which are kept in a private temporary
database on disk; then for the texts of the selected posts. Memory does not grow with the dump.
"""

import bz2
import gzip
import logging
import lzma
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.parsers import expat

from papertune.collect.listings.answers import whole_number
from papertune.collect.listings.contents import begins_as
from papertune.collect.listings.rows import AGAIN, reading
from papertune.collect.listings.xml_text import BLOCK, mended
from papertune.collect.texts.posts import CODE_BLOCK, pair_document
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.jobs import stopping
from papertune.records import Document, Rejection
from papertune.study.settings.qa import StackDumpSource

log = logging.getLogger("papertune")

_OPENERS: dict[str, Callable[..., Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
# the parser's errors for a file that ends before its last element
_ENDED = [
    expat.errors.codes[said]
    for said in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
    )
]
_TABLES = """
CREATE TABLE question (id INTEGER PRIMARY KEY, score INTEGER, accepted INTEGER);
CREATE TABLE answer (id INTEGER, score INTEGER, parent INTEGER);
CREATE TABLE post (id INTEGER PRIMARY KEY, title TEXT, body TEXT);
"""
_CHOOSE = """
CREATE TABLE chosen AS
SELECT question, answer, score FROM (
    SELECT question.id AS question, question.score AS score, answer.id AS answer,
        row_number() OVER (
            PARTITION BY question.id
            ORDER BY answer.score DESC, answer.id = question.accepted DESC, answer.id
        ) AS place
    FROM question JOIN answer ON answer.parent = question.id
) WHERE place = 1 ORDER BY score DESC, question LIMIT ?
"""
_WANT = "INSERT INTO post (id) SELECT question FROM chosen UNION SELECT answer FROM chosen"
_KEEP = "UPDATE post SET title = ?, body = ? WHERE id = ? AND body IS NULL"
_PAIRS = """
SELECT question, ifnull(asked.title, ''), ifnull(asked.body, ''), ifnull(answered.body, ''), score
FROM chosen JOIN post AS asked ON asked.id = question JOIN post AS answered ON answered.id = answer
ORDER BY score DESC, question
"""


class CutOff(CollectError):
    """A dump ends too early; the rows before its end are good."""


def list_documents(
    session: PoliteSession, source: StackDumpSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The pairs of the questions that were asked in a year, the best first.

    A question is listed if it and one of its answers reach the minimum scores. Its best answer is
    the one with the highest score; among equals, the accepted one.

    Raises:
        CollectError: the file cannot be read, is no dump of posts, or has no post.
    """
    path = Path(source.path)
    # "" is a database on disk that is removed with the connection; it is one transaction
    with closing(sqlite3.connect("")) as database:
        database.executescript(_TABLES)
        yield from _numbers(database, path, source, year)
        database.execute("CREATE INDEX answers ON answer (parent)")
        database.execute(_CHOOSE, (-1 if source.limit is None else source.limit,))
        left = database.execute(_WANT).rowcount
        for _, row in _until_cut(path, []) if left else ():
            number = whole_number(row.get("Id"))
            if row.get("PostTypeId") in ("1", "2") and number is not None:
                texts = (row.get("Title", ""), row.get("Body", ""), number)
                left -= database.execute(_KEEP, texts).rowcount
            if not left:  # the rest of the file has been checked in the first pass
                break
        for number, title, body, answer, score in database.execute(_PAIRS):
            post = (title, body, answer)
            yield pair_document(session.readers, source, number, post, score, year)


def look(source: StackDumpSource, year: int) -> None:
    """Read the first post; raises like :func:`read_posts`."""
    for path in source.files_of(year):
        next(read_posts(path), None)


def read_posts(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and attributes of the rows of ``Posts.xml``, in constant memory.

    Args:
        path: The file, plain or compressed with gzip, bzip2 or xz (detected by its first bytes).

    Raises:
        CutOff: after the last complete row, if the file ends too early.
        CollectError: it cannot be read, is not XML, or ends before the first row.
    """
    ended, rows = "", False
    found: list[tuple[int, dict[str, str]]] = []
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "row":
            found.append((parser.CurrentLineNumber, attributes))
        elif tag != "posts":
            raise CollectError(
                f"not a dump of posts: <{tag}> in place of <posts> and <row>",
                where=f"{path}:{parser.CurrentLineNumber}",
                hint="source.path is the dump's Posts.xml, which has questions and answers",
            )

    parser.StartElementHandler = start
    with reading(path):
        packing = begins_as(path, "xml", *_OPENERS)
    try:
        with reading(path), _OPENERS.get(packing, open)(path, "rb") as stream:
            rest = b""
            while not ended:
                try:  # read1: a longer read would lose the last block of a truncated file
                    block = stream.read1(BLOCK)
                except EOFError as error:
                    ended = str(error)
                    break
                if not block:
                    break
                stopping.check()
                block, rest = mended(rest + block, last=False)
                parser.Parse(block, False)
                rows = rows or bool(found)
                yield from found
                found.clear()
            try:
                parser.Parse(mended(rest)[0], True)
            except expat.ExpatError as error:
                if not ended and error.code not in _ENDED:
                    raise
                ended = ended or expat.errors.messages[error.code]
            yield from found
            if ended:
                raise (CutOff if rows or found else CollectError)(
                    f"not well-formed XML: it is cut off ({ended})",
                    where=f"{path}:{parser.CurrentLineNumber}",
                    hint="download or unpack it again",
                )
    except expat.ExpatError as error:
        raise CollectError(
            f"not well-formed XML ({expat.errors.messages[error.code]})",
            where=f"{path}:{error.lineno}",
            hint="download or unpack it again",
        ) from None
    except lzma.LZMAError as error:
        raise CollectError(f"broken xz ({error})", where=str(path), hint=AGAIN) from None


def _until_cut(path: Path, cut: list[Rejection]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a dump; if it ends too early, appends a rejection to ``cut``."""
    try:
        yield from read_posts(path)
    except CutOff as error:
        cut.append(Rejection("list", error.where, "cut_off", f"{error.what}; {error.hint}"))


def _whole(row: Mapping[str, str], name: str, digits: int | None = None) -> int:
    """An integer attribute of a row, or its first ``digits``; raises ValueError if it is none."""
    if name not in row:
        raise ValueError(f"it has no {name}")
    try:
        number = int(row[name][:digits])
    except ValueError:
        raise ValueError(
            f"{name} is {row[name][:60]!r}, which is no {'date' if digits else 'number'}"
        ) from None
    if abs(number) >= 2**63:
        raise ValueError(f"{name} is a number of more than 63 bits")
    return number


def _numbers(
    database: sqlite3.Connection, path: Path, source: StackDumpSource, year: int
) -> Iterator[Rejection]:
    """First pass: store the numbers of eligible posts; yields rejections of unreadable rows."""
    counts: Counter[str] = Counter()
    wanted = {tag.lower() for tag in source.tags}
    cut: list[Rejection] = []
    for line, row in _until_cut(path, cut):
        kind = {"1": "question", "2": "answer"}.get(row.get("PostTypeId", ""))
        if not kind:
            counts["neither question nor answer"] += 1
            continue
        try:
            number, score = _whole(row, "Id"), _whole(row, "Score")
            if kind == "answer":
                other, asked = _whole(row, "ParentId"), year
            else:
                other = _whole(row, "AcceptedAnswerId") if row.get("AcceptedAnswerId") else 0
                asked = _whole(row, "CreationDate", 4)
        except ValueError as error:
            yield Rejection("list", f"{path}:{line}", "bad_row", str(error))
            continue
        tags = {*re.findall(r"[^<>|]+", row.get("Tags", "").lower())}  # |a|b|, <a><b>
        if source.code == "reject" and CODE_BLOCK in row.get("Body", ""):
            kind = "with a block of code"
        elif kind == "answer" and score < source.min_answer_score:
            kind = "answer below min_answer_score"
        elif asked != year:
            kind = "question of another year"
        elif kind == "question" and score < source.min_score:
            kind = "question below min_score"
        elif kind == "question" and not wanted <= tags:
            kind = "question without the tags"
        else:
            values = (number, score, other)
            database.execute(f"INSERT OR IGNORE INTO {kind} VALUES (?, ?, ?)", values)
        counts[kind] += 1
    said = ", ".join(f"{count} × {kind}" for kind, count in sorted(counts.items()))
    log.info("%s: posts for %d: %s", path, year, said or "none")
    for one in cut:
        log.warning("%s: %s", one.key, one.detail)
    yield from cut
