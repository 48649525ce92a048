"""A Stack Exchange data dump's ``Posts.xml``: the best questions with their best answers.

A dump can be larger than memory by far, and its answers stand apart from their questions. It is
read twice: for what selects a post (numbers, kept in a private temporary database on disk), and
for the texts of the posts that were selected. Nothing in memory grows with the dump.
"""

import bz2
import gzip
import logging
import lzma
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.parsers import expat

from papertune.collect.texts.posts import clean_post, clean_title, has_code_block, pair_document
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.jobs import stopping
from papertune.records import Document, Rejection
from papertune.study.settings.qa import StackDumpSource

log = logging.getLogger("papertune")

BLOCK = 1 << 20  # bytes that are parsed at once
BATCH = 10_000  # rows that are written to the database at once
_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_HINT = (
    "source.path is the dump's Posts.xml or Posts.xml.gz, .bz2, .xz, taken from the folder that "
    "snakemake runs in; unpack a .7z first"
)
_TABLES = """
CREATE TABLE question (id INTEGER PRIMARY KEY, score INTEGER, accepted INTEGER);
CREATE TABLE answer (parent INTEGER, score INTEGER, id INTEGER);
CREATE TABLE post (id INTEGER PRIMARY KEY, title TEXT, body TEXT);
"""
_SELECT = """
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
_KEEP = """
INSERT OR IGNORE INTO post SELECT id, :title, :body FROM wanted WHERE id = :id
"""
_JOIN = """
SELECT chosen.question, chosen.score, asked.title, asked.body, answered.body
FROM chosen
LEFT JOIN post AS asked ON asked.id = chosen.question
LEFT JOIN post AS answered ON answered.id = chosen.answer
ORDER BY chosen.score DESC, chosen.question
"""


def list_documents(
    session: PoliteSession | None, source: StackDumpSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The pairs of the questions that were asked in a year, the best first.

    A question is in the listing if it and one of its answers have the scores asked for; the best
    answer is the one with the highest score, and of equals the accepted one.

    Raises:
        CollectError: the file cannot be read, is no dump of posts, or ends too early.
    """
    path = Path(source.path)
    # "" is a database on disk that is removed with the connection
    with closing(sqlite3.connect("", isolation_level=None)) as database:
        database.executescript(_TABLES)
        yield from _select(database, path, source, year)
        database.execute("CREATE INDEX answers ON answer (parent)")
        database.execute(_SELECT, (-1 if source.limit is None else source.limit,))
        _bring_texts(database, path)
        for question, score, title, body, answered in database.execute(_JOIN):
            yield pair_document(
                site=source.site,
                number=question,
                title=clean_title(title or ""),
                body=clean_post(body or ""),
                answer=clean_post(answered or ""),
                score=score,
                year=year,
            )


def read_posts(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and attributes of the rows of ``Posts.xml``, in constant memory.

    Args:
        path: The file, plain or packed with gzip, bzip2 or xz.

    Raises:
        CollectError: it cannot be read, is no XML, or ends too early.
    """
    found: list[tuple[int, dict[str, str]]] = []
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "row":
            found.append((parser.CurrentLineNumber, attributes))
        elif tag != "posts":
            raise CollectError(
                f"not a dump of posts: <{tag}> in place of <posts> and <row>",
                where=f"{path}:{parser.CurrentLineNumber}",
                hint="source.path is the dump's Posts.xml",
            )

    parser.StartElementHandler = start
    try:
        if path.suffix.lower() == ".7z":
            raise OSError("a .7z archive")
        with _OPENERS.get(path.suffix.lower(), open)(path, "rb") as stream:
            while block := stream.read(BLOCK):
                stopping.check()
                parser.Parse(block, False)
                yield from found
                found.clear()
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise CollectError(
            f"not well-formed XML ({expat.errors.messages[error.code]})",
            where=f"{path}:{error.lineno}",
            hint="the file may be cut off: download or unpack it again",
        ) from None
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise CollectError(
            f"cannot read the file: {getattr(error, 'strerror', None) or error}",
            where=str(path),
            hint=_HINT,
        ) from None


# ---- parts ------------------------------------------------------------------------------------


def _select(
    database: sqlite3.Connection, path: Path, source: StackDumpSource, year: int
) -> Iterator[Rejection]:
    """First pass: the numbers of the posts that may be chosen; rows that cannot be read."""
    rows: dict[str, list[tuple[int, int, int]]] = {"question": [], "answer": []}
    passed: Counter[str] = Counter()
    wanted = {tag.lower() for tag in source.tags}

    def write() -> None:
        database.execute("BEGIN")
        for table, values in rows.items():
            database.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?)", values)
            values.clear()
        database.execute("COMMIT")

    for line, row in read_posts(path):
        kind = row.get("PostTypeId")
        if kind not in ("1", "2"):
            passed["neither question nor answer"] += 1
            continue
        try:
            number, score = int(row["Id"]), int(row["Score"])
            parent = int(row["ParentId"]) if kind == "2" else 0
            accepted = int(row.get("AcceptedAnswerId") or 0)
            asked = int(row["CreationDate"][:4]) if kind == "1" else year
        except (KeyError, ValueError) as error:
            said = f"no {error}" if isinstance(error, KeyError) else str(error)
            yield Rejection("list", f"{path}:{line}", "bad_row", said[:200])
            continue
        if source.code == "reject" and has_code_block(row.get("Body", "")):
            passed["has a block of code"] += 1
        elif kind == "2":
            if score >= source.min_answer_score:
                rows["answer"].append((parent, score, number))
            else:
                passed["answer below min_answer_score"] += 1
        elif asked != year:
            passed["question of another year"] += 1
        elif score < source.min_score:
            passed["question below min_score"] += 1
        elif not wanted <= {*re.findall(r"[^<>|]+", row.get("Tags", "").lower())}:  # |a|b|, <a><b>
            passed["question without the tags"] += 1
        else:
            rows["question"].append((number, score, accepted))
        if sum(map(len, rows.values())) >= BATCH:
            write()
    write()
    said = ", ".join(f"{count} × {reason}" for reason, count in sorted(passed.items()))
    log.info("%s: posts passed over for %d: %s", path, year, said or "none")


def _bring_texts(database: sqlite3.Connection, path: Path) -> None:
    """Second pass: title and body of the chosen posts, into the database."""
    database.execute("CREATE TABLE wanted (id INTEGER PRIMARY KEY)")
    database.execute(
        "INSERT OR IGNORE INTO wanted SELECT question FROM chosen UNION SELECT answer FROM chosen"
    )
    (left,) = database.execute("SELECT count(*) FROM wanted").fetchone()
    database.execute("BEGIN")
    for _, row in read_posts(path):
        number = row.get("Id", "")
        if row.get("PostTypeId") in ("1", "2") and number.isdigit():
            text = {"id": int(number), "title": row.get("Title", ""), "body": row.get("Body", "")}
            left -= database.execute(_KEEP, text).rowcount
            if not left:  # the rest of the file has been checked in the first pass
                break
    database.execute("COMMIT")
