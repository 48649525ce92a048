"""A snapshot of DBLP on disk: ``dblp.xml`` or ``dblp.xml.gz``, some gigabytes in one file.

It is read once, record by record, in constant memory; the records that are wanted are kept beside
the pages, so that the next year does not read it again. The DTD is not needed and not looked for:
what it names, ``&uuml;`` and the like, are HTML's entities. Nothing is fetched and no entity is
expanded.
"""

from __future__ import annotations

import gzip
import json
import logging
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from papertune.collect.listings.dblp import entry_item
from papertune.collect.texts.text import inner
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.identity import fingerprint
from papertune.records import Document, Rejection, atomic_write
from papertune.study.settings.listings import DblpSnapshotSource

if TYPE_CHECKING:
    from lxml.etree import _Element

log = logging.getLogger("papertune")

VERSION = 1  # of the kept records
RECORDS = (
    "article",
    "inproceedings",
    "proceedings",
    "book",
    "incollection",
    "phdthesis",
    "mastersthesis",
    "www",
    "data",
)
WHERE_TO_GET_ONE = "get a snapshot from https://dblp.org/xml/ (dblp.xml.gz is enough)"


def list_documents(
    session: PoliteSession, source: DblpSnapshotSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The snapshot's papers of a year whose key, or whose volume's key, has a prefix of the source.

    ``refresh`` changes nothing: a snapshot that has changed on disk is read again by itself.

    Raises:
        CollectError: there is no such file, it is no snapshot of DBLP, it is broken, or it has no
            record of the year under these keys.
    """
    years: set[str] = set()
    with open(wanted_records(session.cache.folder, source), encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            years.add(record["year"])
            if record["year"] == str(year):
                del record["year"]
                yield entry_item(year=year, **record)
    if str(year) not in years:
        known = sorted(filter(None, years))
        raise CollectError(
            f"no record of {year} under {', '.join(source.keys)}",
            where=source.path,
            hint=f"it has the years {known[0]}–{known[-1]} of them"
            if known
            else "source.keys are the beginnings of DBLP's keys, such as conf/isca/ or "
            "journals/tocs/: open https://dblp.org/rec/KEY to see one",
        )


def wanted_records(folder: Path, source: DblpSnapshotSource) -> Path:
    """The file of the records that a source wants; made on the first call for a snapshot."""
    path = Path(source.path)
    try:
        state = path.stat()
    except OSError as error:
        raise CollectError(
            f"cannot read the snapshot: {error.strerror}",
            where=source.path,
            hint=f"{WHERE_TO_GET_ONE}; source.path is taken from the folder that snakemake runs in",
        ) from None
    keys = sorted(set(source.keys))
    name = fingerprint([VERSION, str(path.resolve()), state.st_mtime_ns, state.st_size, keys])
    kept = folder / "snapshots" / f"{name}.jsonl"
    if not kept.exists():
        log.info("reading %s (%.0f MB), once for all years", path, state.st_size / 1e6)
        with atomic_write(kept) as stream:
            for record in read_records(path, tuple(keys)):
                stream.write(json.dumps(record, ensure_ascii=False) + "\n")
    return kept


def read_records(path: Path, prefixes: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Key, title, links, kinds and year of the records under the prefixes, in the file's order.

    Raises:
        CollectError: the file is no snapshot of DBLP, is broken, or declares entities of its own.
    """
    from lxml.etree import LxmlError, iterparse

    hint = f"{WHERE_TO_GET_ONE} again: a download that was cut is the usual cause"
    events: iterparse | None = None
    first = True
    try:
        with _opened(path) as stream:
            events = iterparse(
                stream,
                events=("end",),
                tag=RECORDS,
                no_network=True,
                load_dtd=False,
                resolve_entities=False,
            )
            for _, element in events:
                if first:
                    _check(element, path)
                    first = False
                key = element.get("key", "")
                if key.startswith(prefixes) or _any(element, "crossref", prefixes):
                    yield _record(element)
                element.clear()
                parent = element.getparent()
                while parent is not None and element.getprevious() is not None:
                    del parent[0]
    except (LxmlError, SyntaxError) as error:
        last = events.error_log.last_error if events else None  # the exception may not name it
        said, line = (last.message, f":{last.line}") if last else (str(error), "")
        raise CollectError(
            f"not the XML of a snapshot ({said})", where=f"{path}{line}", hint=hint
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise CollectError(
            f"cannot be read to its end ({error})", where=str(path), hint=hint
        ) from None
    if first:
        raise CollectError("no record of DBLP in this file", where=str(path), hint=WHERE_TO_GET_ONE)


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        zipped = stream.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path, "rb")) if zipped else path.open("rb")


def _check(element: _Element, path: Path) -> None:
    """Refuse a file that is no snapshot, or that brings entities of its own."""
    tree = element.getroottree()
    if tree.getroot().tag != "dblp":
        raise CollectError(
            f"its root is <{tree.getroot().tag}>, not <dblp>",
            where=str(path),
            hint=WHERE_TO_GET_ONE,
        )
    own = tree.docinfo.internalDTD
    if own is not None and any(True for _ in own.iterentities()):
        raise CollectError(
            "it declares entities of its own, as no snapshot of DBLP does",
            where=str(path),
            hint=WHERE_TO_GET_ONE,
        )


def _any(element: _Element, tag: str, prefixes: tuple[str, ...]) -> bool:
    return any((child.text or "").startswith(prefixes) for child in element.iterchildren(tag))


def _record(element: _Element) -> dict[str, Any]:
    return {
        "key": element.get("key", ""),
        "title": inner(element.find("title")),
        "links": [link.text or "" for link in element.iterchildren("ee")],
        "kinds": [str(element.tag), element.get("publtype", "")],
        "year": element.findtext("year", "").strip(),
    }
