"""Split the rows of local files by year, once per version of a file.

Planning needs a digest of each year's rows, and each year's job needs the rows: the first to need
them writes them below ``.snakemake``. The items of each run of rows are cached there too, so that
in another version of a table only changed rows are read again. Of rows with the same id the first
is taken, whatever their years, with the most complete of their texts; the others are rejections
that name its place.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from pkgutil import resolve_name
from typing import IO, Any

from papertune.collect.listings.rows import Run, reading
from papertune.collect.listings.twins import Fullness, fullness, told, with_fuller_text
from papertune.errors import CollectError, shown
from papertune.files import atomic_write
from papertune.identity import fingerprint
from papertune.records import Document, Rejection
from papertune.study import versions
from papertune.study.settings import Part, Source
from papertune.study.splits import PartOf

FOLDER = Path(".snakemake", "papertune-rows")
RUNS = FOLDER.with_name("papertune-runs")
VERSION = 6  # of the format of these files
UNUSED = 2 * 24 * 3600  # seconds after which unused rows are deleted
ALL, UNDATED = "all", "undated"

# a row's place, its year (None if it has none), and its item
Located = tuple[str, int | None, Document | Rejection]


def items(source: Source, year: int) -> Iterator[Document | Rejection]:
    """The items of a year in a source's files, in their order; all items for year 0.

    A row whose year is unknown is rejected in every year, under the same key.

    Raises:
        CollectError: a file cannot be read or is broken as a whole, or has no row of the year.
    """
    folder = _parted(source, year)
    dated = sorted(int(path.name) for path in folder.glob("[0-9]*"))
    if year and year not in dated:
        bad = next(map(json.loads, _lines(folder / UNDATED)), None)
        why = bad and ": ".join((bad["key"], bad["reason"].replace("_", " "), bad["detail"]))
        said = f"; the first bad row: {why}" if bad else ""
        paths = source.files_of(year)
        empty = bool(paths) and not any(path.stat().st_size for path in paths)
        raise CollectError(
            "the file is empty" if empty else f"nothing of {year} in it{said}",
            where=", ".join(map(str, paths)) or source.kind,
            hint=f"it has the years {dated[0]}–{dated[-1]}; set splits to years it has"
            if dated
            else f"see {what_asks(source)}; config/README.md describes the columns of such rows",
        )
    for name in (str(year), UNDATED) if year else (ALL,):
        for values in map(json.loads, _lines(folder / name)):
            yield Rejection(**values) if "stage" in values else Document(**values)


def what_asks(source: Source) -> str:
    """The settings that select rows of a source's files, for messages."""
    said = source.model_fields_set - {"kind", "path", "paths", "columns", "encoding"}
    return ", ".join(["the years in splits", *(f"source.{name}" for name in sorted(said))])


def digest(source: Source, part: Part, mine: PartOf | None) -> str:
    """A digest of a part's items; it ignores other parts, order and formatting.

    ``mine``: whether an item, given by its id or key, belongs to the part; by default all do.

    Raises:
        CollectError: a file cannot be read or is broken as a whole.
    """
    year = part if isinstance(part, int) else 0
    path = _parted(source, year) / str(year or ALL)
    if not path.exists():
        return ""
    kept = path.with_name(f"digest-{path.name}-{fingerprint(mine and asdict(mine))}")
    with suppress(FileNotFoundError):
        return kept.read_text(encoding="utf-8")
    with atomic_write(kept) as stream:
        stream.write(found := _digest(path, mine))
    return found


def _digest(path: Path, mine: PartOf | None) -> str:
    keyed = (line.rstrip("\n").split("\t") for line in _lines(path.with_name(f"keys-{path.name}")))
    if mine is not None:  # most keys are hexadecimal, and parsing JSON would take most of the time
        named = ((said, json.loads(key) if "\\" in key else key[1:-1]) for said, key in keyed)
        keyed = ([said, key] for said, key in named if mine(key))
    hashes = sorted(said for said, _ in keyed)
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def glance(source: Source, part: Part) -> None:
    """Check a user's files by their beginning (a BibTeX file as a whole).

    Raises:
        CollectError: like :func:`digest`, for the part that was read.
    """
    year = part if isinstance(part, int) else 0
    if source.looker:
        resolve_name(source.looker)(source, year)
        return
    for run in resolve_name(source.lister)(source, year):
        if not isinstance(run, Run):
            _parted(source, year)
            return
        for _ in run.make(run):
            if not run.unseen:
                return


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file; none if there is no such file.

    A year's file has its items as JSON. Its file of keys has, for each item, a hash of what matters
    in it, and its key or id as JSON.
    """
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            yield from lines


def _parted(source: Source, year: int) -> Path:
    """The folder of the rows by year, or of all rows together for year 0."""
    what: list[Any] = [VERSION, versions.COLLECT, source.identity(), bool(year)]
    for path in source.files_of(year):
        with reading(path):
            state = path.stat()
        times = [state.st_mtime_ns, state.st_ctime_ns]  # the latter cannot be set
        what.append([str(path.resolve()), state.st_size, *times])
    folder = FOLDER / fingerprint(what)
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not folder.exists():
        for other in (*FOLDER.iterdir(), *RUNS.glob("*")):
            with suppress(OSError):  # another process deletes it
                if other.stat().st_mtime < time.time() - UNUSED:
                    shutil.rmtree(other)
        with tempfile.TemporaryDirectory(dir=FOLDER, prefix=".", ignore_cleanup_errors=True) as new:
            _part(source, year, Path(new))
            try:
                os.rename(new, folder)
            except OSError:
                if not folder.exists():  # else another process made it
                    raise
    os.utime(folder)
    with suppress(FileNotFoundError):
        os.utime(_runs_folder(source))
    return folder


def _part(source: Source, year: int, folder: Path) -> None:
    seen: dict[str, tuple[str, str]] = {}  # a document's place, and the name of its file
    best: dict[str, Fullness] = {}
    fuller: dict[str, str] = {}  # the most complete of a document's other rows
    streams: dict[str, list[IO[str]]] = {}
    with ExitStack() as stack:
        for where, dated, document, said, full, item in _rows(source, year):
            name = ALL if not year else dated or UNDATED
            key = document or shown(where)
            if document and name == UNDATED:
                other = Rejection("list", where, "no_year", json.loads(item)["title"])
                key, item = other.key, _json(other)
            elif document in seen:
                more = (here := _fullness(full)) > best[document]
                if more:
                    best[document], fuller[document] = here, item
                detail = told(json.loads(item)["title"], seen[document][0], more)
                other = Rejection("list", where, "duplicate", detail)
                key, item = other.key, _json(other)
                said = _hash(["duplicate", document])
            elif document:
                seen[document], best[document] = (where, name), _fullness(full)
            if name not in streams:
                streams[name] = [
                    stack.enter_context(open(folder / file, "w", encoding="utf-8"))
                    for file in (name, f"keys-{name}")
                ]
            items, keys = streams[name]
            # an id is hexadecimal; dumps would take most of the time
            named = f'"{key}"' if key == document else json.dumps(key)
            items.write(f"{item}\n")
            keys.write(f"{said}\t{named}\n")
    for name in sorted({seen[document][1] for document in fuller}):
        _fill(folder, name, fuller)


def _fill(folder: Path, name: str, fuller: dict[str, str]) -> None:
    """Give the documents of a file the more complete texts of their other rows."""
    files = [folder / name, folder / f"keys-{name}"]
    with ExitStack() as stack:
        old = [_lines(path) for path in files]
        new = [stack.enter_context(open(f"{path}.new", "w", encoding="utf-8")) for path in files]
        for item, key in zip(*old, strict=True):
            said, _, named = key.partition("\t")
            if other := fuller.get(named.strip('"\n')):
                first, more = (Document(**json.loads(text)) for text in (item, other))
                _, _, _, said, _, text = _row("", None, with_fuller_text(first, more))
                item, key = f"{text}\n", f"{said}\t{named}"
            new[0].write(item)
            new[1].write(key)
    for path in files:
        os.replace(f"{path}.new", path)


# a row: its place, its year or "", its id if it is a document, a hash of what matters in it, the
# completeness of its text, and its item as JSON
Row = tuple[str, str, str, str, str, str]


def _rows(source: Source, year: int) -> Iterator[Row]:
    """The rows of the files, up to the limit of the source."""
    limit, counts = getattr(source, "limit", None), Counter[str]()
    by_year, used = source.years == "needed", set[Path]()
    for run in resolve_name(source.lister)(source, year):
        if not isinstance(run, Run):
            yield _row(*run)
            continue
        for row in _rows_of(run, source, used):
            if row[2] and limit is not None:
                counts[row[1]] += 1
                if counts[row[1]] > limit:
                    if by_year:
                        continue  # another year may have fewer
                    run.last = True
                    break
            yield row
    _forget(source, used)


def _rows_of(run: Run, source: Source, used: set[Path]) -> Iterator[Row]:
    """The rows made of a run, cached from this or another version of the table, else made now."""
    first = run.rows[0][0]
    path = _runs_folder(source) / f"{fingerprint(run.place)}-{run.said}"
    used.add(path)
    try:
        head, _, body = path.read_text(encoding="utf-8").partition("\n")
        size, unseen = json.loads(head)
        if size != len(body):
            raise ValueError("torn")
    except (OSError, ValueError):
        rows = [_row(*one) for one in run.make(run)]
        if source.watched:
            numbers = (int(row[0].rpartition(":")[2]) - first for row in rows)
            lines = ("\t".join((str(n), *row[1:])) for n, row in zip(numbers, rows, strict=True))
            _keep(path, run.unseen, "\n".join(lines))
        yield from rows
        return
    run.unseen &= {*unseen}
    for line in body.split("\n") if body else ():
        number, year, document, said, full, item = line.split("\t")
        where = f"{run.place}:{first + int(number)}"
        if not document:
            item = _json(Rejection(**json.loads(item) | {"key": where}))
        yield where, year, document, said, full, item


def _keep(path: Path, unseen: set[str], body: str) -> None:
    """Cache the rows of a run without waiting for the disk: its size reveals a truncated file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}-{os.getpid()}")
    new.write_text(f"{json.dumps([len(body), sorted(unseen)])}\n{body}", encoding="utf-8")
    os.replace(new, path)


def _forget(source: Source, used: set[Path]) -> None:
    """Delete the runs of earlier versions of the tables that were read."""
    for place in {path.name.partition("-")[0] for path in used}:
        for path in _runs_folder(source).glob(f"{place}-*"):
            if path not in used:
                path.unlink(missing_ok=True)


def _runs_folder(source: Source) -> Path:
    return RUNS / fingerprint([VERSION, versions.COLLECT, source.identity()])


def _row(where: str, dated: int | None, item: Document | Rejection) -> Row:
    year = "" if dated is None else str(dated)
    if isinstance(item, Document):
        text = _json(item)
        full = "{:d} {}".format(*fullness(item))
        return where, year, item.id, hashlib.sha256(text.encode()).hexdigest(), full, text
    # without the line number, which changes with other rows
    return where, year, "", _hash([item.reason, item.detail]), "", _json(item)


def _fullness(said: str) -> Fullness:
    whole, length = said.split()
    return whole == "1", int(length)


def _json(record: Document | Rejection) -> str:
    return json.dumps({name: getattr(record, name) for name in record.__dataclass_fields__})


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
