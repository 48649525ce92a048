"""A look into a source with the readers of a run: all of a local table, one page of a service."""

import glob
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from papertune.collect.listings.columns import Reader
from papertune.collect.listings.listing import items
from papertune.collect.listings.pdf_folder import pdfs_of
from papertune.collect.listings.rows import raw_rows, runs
from papertune.collect.steps import session_of
from papertune.collect.web.transport import HostStopped, PageError
from papertune.errors import CollectError, PapertuneError, one_line
from papertune.records import Document, Rejection
from papertune.starter.sources import YEAR
from papertune.study.settings import Fetching, Source
from papertune.study.settings.listings import DemoSource, FilesSource, PdfsSource

PAGE = 50  # items that are read from a service
FEW = 3  # items that are read of PDFs, and of listings with texts
ASKED = Fetching(retries=1, timeout=15)
FIRST = 20  # rows by which columns are recognised


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look found."""

    documents: Sequence[Document] = ()
    rejected: Sequence[Rejection] = ()
    whole: bool = False  # whether this is the whole source
    columns: Mapping[str, str] = field(default_factory=dict)  # field → column of the table
    number: int = 0  # number of documents, where it is known without reading them
    years: Sequence[int] = ()  # the existing years, or the one that was requested
    why_not: str = ""  # why nothing was found

    @property
    def counts(self) -> Counter[int]:
        """Number of documents of each known year."""
        return Counter(one.year for one in self.documents if one.year)


def look(source: Source, year: int, store: Path) -> Looked:
    """Look into a source.

    Args:
        source: Local files are read; a service is asked for the first page of a year.
        year: The year that a service is asked about; then the year before, if it has nothing.
        store: The run's store, where pages are kept.

    Raises:
        CollectError: a local file cannot be read, or has no document.
    """
    if isinstance(source, PdfsSource):
        return _pdfs(source, store)
    if source.rows and source.files_of(0):
        return _rows(source)
    if isinstance(source, DemoSource):
        return Looked(number=20 * source.papers_per_year, years=range(2005, 2025))
    tried = [0] if source.years == "none" else [year, year - 1]
    if volumes := getattr(source, "volumes", None):
        tried = [max(volumes)] if isinstance(volumes, dict) else tried
    why = ""
    for one in tried:
        try:
            found = _page(source, one, store)
        except PapertuneError as error:
            why = why or _in_short(error)
            if isinstance(error, PageError | HostStopped) or not isinstance(error, CollectError):
                break  # another year would fail in the same way
            continue
        if found.documents:
            return found
    return Looked(why_not=why or f"nothing of {' or '.join(map(str, tried))}", years=tried[:1])


def _in_short(error: PapertuneError) -> str:
    """The error in a line, without the query of the address."""
    where = error.where.partition("?")[0]
    return f"{where}: {error.what}{f' ({error.hint})' if error.hint else ''}"


def _page(source: Source, year: int, store: Path) -> Looked:
    most = FEW if source.with_texts else PAGE
    with session_of(source, ASKED, store / "http", year) as session:
        found = list(islice(items(session, source, year), most))
    documents = [one for one in found if isinstance(one, Document)]
    return Looked(documents, _rejections(found), years=[year] * bool(year))


def _rejections(found: Sequence[Document | Rejection]) -> list[Rejection]:
    return [one for one in found if isinstance(one, Rejection)]


def on_disk(pattern: str) -> list[int]:
    """The years of files or folders whose path has ``{year}``."""
    before, _, after = pattern.partition("{year}")
    digits = "[12][0-9][0-9][0-9]"
    found = glob.glob(f"{glob.escape(before)}{digits}{after.replace('{year}', digits)}")
    years = (YEAR.match(path[len(before) :]) for path in found)
    return sorted({int(year[0]) for year in years if year})


def _rows(source: Source) -> Looked:
    pattern = str(source.files_of("{year}")[0])
    years = on_disk(pattern) if "{year}" in pattern else []
    if "{year}" in pattern and not years:
        hint = "{year} stands for a year of four digits: papers/{year}.csv"
        raise CollectError("no file for any year", where=pattern, hint=hint)
    found = [one for year in years or [0] for one in items(None, source, year)]
    documents = [one for one in found if isinstance(one, Document)]
    first = source.files_of(years[0] if years else 0)[0]
    if not documents:
        rejected = _rejections(found)
        why = f"; the first row: {rejected[0].detail}" if rejected else ""
        hint = "each paper needs a title and an address, a DOI or an abstract"
        raise CollectError(f"no paper in it{why}", where=str(first), hint=hint)
    columns = columns_of(source, first) if isinstance(source, FilesSource) else {}
    counts = sorted({one.year for one in documents if one.year})
    return Looked(documents, _rejections(found), True, columns, len(documents), counts)


def columns_of(source: FilesSource, path: Path) -> dict[str, str]:
    """Field → column of a table, as a run recognises them."""
    every = (row for run in runs(raw_rows(path, source.encoding)) for _, row in run)
    rows = list(islice((row for row in every if isinstance(row, dict)), FIRST))
    return Reader(source.columns).taken(rows)


def _pdfs(source: PdfsSource, store: Path) -> Looked:
    years = on_disk(source.path) if "{year}" in source.path else []
    number = sum(len(pdfs_of(source, year)[1]) for year in years or [0])
    year = years[-1] if years else 0
    with session_of(source, ASKED, store / "http", year) as session:
        found = list(islice(items(session, source, year), FEW))
    documents = [one for one in found if isinstance(one, Document)]
    return Looked(documents, _rejections(found), number=number, years=years)


def told(found: Looked, what: str) -> list[str]:
    """Lines that describe what was found."""
    if found.why_not:
        return [f"{what} could not be read: {found.why_not}"]
    years = f"{found.years[0]}–{found.years[-1]}" if len(found.years) > 1 else ""
    years = years or "".join(map(str, found.years))
    number = found.number or len(found.documents)
    least = "" if found.number else "at least "
    lines = [f"{what}: {least}{number} documents{f' of {years}' if years else ''}"]
    if found.whole:
        each = sorted(found.counts.items())
        if each:
            lines.append(f"  by year: {', '.join(f'{year} {count}' for year, count in each)}")
        if undated := sum(not one.year for one in found.documents):
            lines.append(f"  {undated} without a year")
    if found.columns:
        said = ", ".join(f"{field} = {name!r}" for field, name in found.columns.items())
        lines.append(f"  columns: {said}")
    without = sum(not one.text for one in found.documents)
    if found.documents:
        looked = "" if found.whole else f" of the {len(found.documents)} read"
        lines.append(f"  {without}{looked} without an abstract, which a run looks up" if without
                     else f"  each{looked} has its text")  # fmt: skip
        lines.append(f"  the first: {found.documents[0].title[:90]}")
    if found.rejected:
        reasons = Counter(one.reason.replace("_", " ") for one in found.rejected)
        said = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        first = found.rejected[0]
        lines.append(f"  rejected: {said}; the first: {first.key}: {first.detail[:120]}")
    return [line[: len(line) - len(line.lstrip())] + one_line(line) for line in lines]
