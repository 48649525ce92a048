"""A snapshot of DBLP on disk: ``dblp.xml`` or ``dblp.xml.gz``, some gigabytes in one file.

It is read once for all years, record by record, in constant memory. The DTD is not needed: the
entities that it declares (``&uuml;`` …) are HTML's. Nothing is fetched and no entity is expanded.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml.etree import LxmlError, _Element, iterparse

from papertune.collect.listings.by_year import Located
from papertune.collect.listings.contents import begins_as
from papertune.collect.listings.dblp import dblp_item
from papertune.collect.listings.rows import reading
from papertune.collect.listings.xml_text import Mended
from papertune.collect.listings.years import year_of
from papertune.collect.texts.text import inner
from papertune.errors import CollectError
from papertune.study.settings.listings import DblpSnapshotSource

RECORDS = ("article", "inproceedings", "proceedings", "book", "incollection", "phdthesis",
           "mastersthesis", "www", "data")  # fmt: skip
WHERE_TO_GET_ONE = "get a snapshot from https://dblp.org/xml/ (dblp.xml.gz is enough)"


def read(source: DblpSnapshotSource, year: int) -> Iterator[Located]:
    """The snapshot's papers whose key, or whose volume's key, has a prefix of the source.

    Raises:
        CollectError: the file is missing, is no snapshot of DBLP, is broken, or has no record under
            these keys.
    """
    none = True
    for path in source.files_of(year):
        for record in read_records(path, tuple(source.keys)):
            none = False
            printed = year_of(record.pop("year"))
            if printed:
                yield record["key"], printed, dblp_item(year=printed, **record)
    if none:
        raise CollectError(
            f"no record under {', '.join(source.keys)}",
            where=source.path,
            hint="source.keys are the beginnings of DBLP's keys, such as conf/isca/ or "
            "journals/tocs/: open https://dblp.org/rec/KEY to see one",
        )


def look(source: DblpSnapshotSource, year: int) -> None:
    """Read the first record; raises like :func:`read_records`."""
    for path in source.files_of(year):
        next(read_records(path, ("",)), None)


def read_records(path: Path, prefixes: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Key, title, links, kinds and year of the records under the prefixes, in the file's order.

    Raises:
        CollectError: the file is no snapshot of DBLP, is broken, or declares entities of its own.
    """
    hint = f"{WHERE_TO_GET_ONE}; the usual cause is an incomplete download"
    events: iterparse | None = None
    first = True
    with reading(path):
        zipped = begins_as(path, "xml", "gzip") == "gzip"
    try:
        with gzip.open(path, "rb") if zipped else path.open("rb") as stream:
            safely: dict[str, Any] = dict.fromkeys(("load_dtd", "resolve_entities"), False)
            events = iterparse(
                Mended(stream), events=("end",), tag=RECORDS, no_network=True, **safely
            )
            for _, element in events:
                if first:
                    _check(element, path)
                    first = False
                key = element.get("key", "")
                volumes = (child.text or "" for child in element.iterchildren("crossref"))
                if any(name.startswith(prefixes) for name in (key, *volumes)):
                    yield {
                        "key": key,
                        "title": inner(element.find("title")),
                        "links": [link.text or "" for link in element.iterchildren("ee")],
                        "kinds": [str(element.tag), element.get("publtype", "")],
                        "year": element.findtext("year", "").strip(),
                    }
                element.clear()
                parent = element.getparent()
                while parent is not None and element.getprevious() is not None:
                    del parent[0]
    except (LxmlError, SyntaxError) as error:
        last = events.error_log.last_error if events else None  # the exception may not name it
        said, line = (last.message, f":{last.line}") if last else (str(error), "")
        what = f"not the XML of a snapshot ({said})"
        raise CollectError(what, where=f"{path}{line}", hint=hint) from None
    except (OSError, EOFError, zlib.error) as error:
        what = f"cannot be read to its end ({getattr(error, 'strerror', None) or error})"
        raise CollectError(what, where=str(path), hint=hint) from None
    if first:
        raise CollectError("no record of DBLP in this file", where=str(path), hint=WHERE_TO_GET_ONE)


def _check(element: _Element, path: Path) -> None:
    """Raise CollectError if a file is no snapshot, or declares entities of its own."""
    tree = element.getroottree()
    root, own = tree.getroot().tag, tree.docinfo.internalDTD
    wrong = "" if root == "dblp" else f"its root is <{root}>, not <dblp>"
    if not wrong and own is not None and any(True for _ in own.iterentities()):
        wrong = "it declares entities of its own, which no snapshot of DBLP does"
    if wrong:
        raise CollectError(wrong, where=str(path), hint=WHERE_TO_GET_ONE)
