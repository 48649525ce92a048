"""The rows of local files, parted by year once per version of a file.

A plan wants a digest of each year's rows and each year's job wants its rows: both find them in
``.snakemake``, where the first that asks puts them. Of rows with the same id the first is taken,
whatever their years; the others are rejections that say where it stands.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from pkgutil import resolve_name
from typing import IO, Any

from papertune.collect.listings.rows import reading
from papertune.errors import CollectError
from papertune.identity import fingerprint
from papertune.records import Document, Rejection
from papertune.study.experiment import Part
from papertune.study.settings import Source

FOLDER = Path(".snakemake", "papertune-rows")
VERSION = 2  # of what stands there
UNUSED = 2 * 24 * 3600  # seconds after which rows that nobody looked at are deleted
ALL, UNDATED = "all", "undated"

# where a row stands, its year (None where it says none), and what it is
Located = tuple[str, int | None, Document | Rejection]


def items(source: Source, year: int) -> Iterator[Document | Rejection]:
    """What the files of a source list of a year, in their order; all they list for year 0.

    A row that nobody can tell the year of is rejected with every year, under the same key.

    Raises:
        CollectError: a file cannot be read or is broken as a whole, or has no row of the year.
    """
    folder = _parted(source, year)
    dated = sorted(int(path.name) for path in folder.glob("[0-9]*"))
    if year and year not in dated:
        bad = next((json.loads(item) for *_, item in _lines(folder / UNDATED)), None)
        said = f"; the first bad row: {bad['key']}: {bad['detail']}" if bad else ""
        raise CollectError(
            f"nothing of {year} in it{said}",
            where=", ".join(map(str, source.files_of(year))) or source.kind,
            hint=f"it has the years {dated[0]}–{dated[-1]}; set splits to years it has"
            if dated
            else "config/README.md says what the rows of such a source need",
        )
    for name in (str(year), UNDATED) if year else (ALL,):
        for *_, item in _lines(folder / name):
            values = json.loads(item)
            yield Rejection(**values) if "stage" in values else Document(**values)


def digest(source: Source, part: Part, mine: Callable[[str], bool] | None) -> str:
    """A digest of what the files list of a part; other parts, order and formatting are none of it.

    ``mine`` tells by its id or key whether an item is of the part; all are if not given.

    Raises:
        CollectError: a file cannot be read or is broken as a whole.
    """
    year = part if isinstance(part, int) else 0
    path = _parted(source, year) / str(year or ALL)
    keyed = ((json.loads(key), said) for said, key, _ in _lines(path))
    hashes = sorted(said for key, said in keyed if mine is None or mine(key))
    return hashlib.sha256("".join(hashes).encode()).hexdigest() if path.exists() else ""


def _lines(path: Path) -> Iterator[list[str]]:
    """Of each row of a year what counts of it as a hash, its key or id, and the item, as JSON."""
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                yield line.split("\t")


def _parted(source: Source, year: int) -> Path:
    """The folder of the rows by year, or of all rows together for year 0."""
    what: list[Any] = [VERSION, source.identity(), bool(year)]
    for path in source.files_of(year):
        with reading(path):
            state = path.stat()
        what.append([str(path.resolve()), state.st_mtime_ns, state.st_size])
    folder = FOLDER / fingerprint(what)
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not folder.exists():
        for other in FOLDER.iterdir():
            with suppress(OSError):  # somebody else deletes it
                if other.stat().st_mtime < time.time() - UNUSED:
                    shutil.rmtree(other)
        with tempfile.TemporaryDirectory(dir=FOLDER, prefix=".", ignore_cleanup_errors=True) as new:
            _part(source, year, Path(new))
            try:
                os.rename(new, folder)
            except OSError:
                if not folder.exists():  # else somebody was as quick
                    raise
    os.utime(folder)
    return folder


def _part(source: Source, year: int, folder: Path) -> None:
    rows: Iterator[Located] = resolve_name(source.lister)(source, year)
    seen: dict[str, str] = {}
    streams: dict[str, IO[str]] = {}
    with ExitStack() as stack:
        for where, dated, item in rows:
            name = ALL if not year else UNDATED if dated is None else str(dated)
            # without the line, which other rows move
            said: Any = asdict(item) if isinstance(item, Document) else [item.reason, item.detail]
            if isinstance(item, Document) and name == UNDATED:
                item = Rejection("list", where, "no_year", item.title)
            elif isinstance(item, Document) and item.id in seen:
                said = ["duplicate", item.id]
                detail = f"{item.title}: the same document as {seen[item.id]}"
                item = Rejection("list", where, "duplicate", detail)
            elif isinstance(item, Document):
                seen[item.id] = where
            if name not in streams:
                streams[name] = stack.enter_context(open(folder / name, "w", encoding="utf-8"))
            line = hashlib.sha256(json.dumps(said).encode()).hexdigest()
            key = json.dumps(item.key if isinstance(item, Rejection) else item.id)
            streams[name].write(f"{line}\t{key}\t{json.dumps(asdict(item))}\n")
