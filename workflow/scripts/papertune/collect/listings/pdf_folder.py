"""A folder of PDFs as a source: every file is a document, every failure a rejection."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from papertune.collect.identifiers import document_id
from papertune.collect.texts.is_abstract import is_cut
from papertune.collect.texts.pdf import Paper, read_pdf
from papertune.collect.texts.titles import similarity
from papertune.errors import CollectError
from papertune.files import whole
from papertune.jobs.apart import Unread
from papertune.records import Document, Rejection
from papertune.sentences import composed, flat
from papertune.study.nearby import near_names

if TYPE_CHECKING:
    from papertune.collect.web.session import PoliteSession
    from papertune.study.settings.listings import PdfsSource

_SAME = 0.9  # least similarity of the titles of two files with the same number


def list_documents(
    session: PoliteSession, source: PdfsSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The PDFs of a year, in the order of their names; without ``{year}`` in the path, of year 0.

    A document's id is made of its path within the folder, so that a corrected file is the same
    document with another text; its category is the first folder of that path.

    Raises:
        CollectError: there is no such folder, or no PDF in it.
    """
    folder, files = pdfs_of(source, year)
    read = _Read(files)
    for path in files:
        twin = read.twins.get(path)
        if twin:
            yield Rejection("list", str(path), "duplicate", f"the same file as {whole(str(twin))}")
            continue
        yield _document(session, path, path.relative_to(folder).as_posix(), source, year, read)


def look(source: PdfsSource, year: int) -> None:
    """Check that there are PDFs; raises like :func:`list_documents`."""
    pdfs_of(source, year)


def pdfs_of(source: PdfsSource, year: int) -> tuple[Path, list[Path]]:
    """The folder of a year, and its PDFs in their order.

    Raises:
        CollectError: there is no such folder, or no PDF in it.
    """
    pattern = source.path.replace("{year}", str(year))
    folder = Path(pattern)
    if folder.is_dir():
        found = [path for path in folder.rglob("*") if path.suffix.lower() == ".pdf"]
    else:
        folder = Path(os.path.dirname(re.split(r"[*?[]", pattern)[0]) or ".")
        found = [Path(name) for name in glob.glob(pattern, recursive=True)]
    # some systems write companion files: ._paper.pdf
    files = sorted(path for path in found if not path.is_dir() and not path.name.startswith("."))
    if not files:
        here = Path(pattern).is_dir() or glob.has_magic(pattern)
        raise CollectError(
            "no PDF here" if here else f"no such folder or file{near_names(Path(pattern))}",
            where=pattern,
            hint="source.path names a folder, or files as in papers/{year}/*.pdf, "
            "from the folder that snakemake runs in",
        )
    return folder, files


class _Read:
    """Finds duplicate files, and keeps the one with the shortest path: copies get longer names."""

    def __init__(self, files: list[Path]) -> None:
        self.papers: dict[str, list[tuple[str, Path]]] = {}
        self.twins: dict[Path, Path] = {}
        there = [path for path in files if path.is_file()]  # symbolic links may be broken
        sizes = Counter(path.stat().st_size for path in there)
        first: dict[str, Path] = {}
        for path in sorted(there, key=lambda one: (len(str(one)), one)):
            if sizes[path.stat().st_size] < 2:
                continue
            with suppress(OSError), path.open("rb") as stream:
                said = hashlib.file_digest(stream, "sha256").hexdigest()
                if (other := first.setdefault(said, path)) != path:
                    self.twins[path] = other

    def paper_of(self, path: Path, paper: Paper) -> Path | None:
        """The earlier file with this number and title; errata and supplements differ in one."""
        known = self.papers.setdefault(paper.number, []) if paper.number else []
        for title, other in known:
            if similarity(title, paper.title) > _SAME:
                return other
        known.append((paper.title, path))
        return None


def _document(
    session: PoliteSession, path: Path, name: str, source: PdfsSource, year: int, read: _Read
) -> Document | Rejection:
    limits = source.model_dump(include={"part", "max_pages", "max_megabytes", "max_seconds"})
    if whole(name) != name:
        return Rejection("list", str(path), "unreadable", "its name is not UTF-8; rename it")
    reason = detail = ""
    paper = Paper("", "")
    try:
        state = path.stat()
        made = session.readers.read(
            read_pdf,
            path,
            of=f"{path.absolute()} {state.st_size} {state.st_mtime_ns}",
            seconds=source.max_seconds,
            **limits,
        )
        paper = Paper(**made)
        if not paper.text:
            reason, detail = "no_abstract", "its first pages have no abstract that was recognised"
        elif source.part == "abstract" and is_cut(paper.text):
            reason, detail = "truncated", paper.text[-200:]
        elif twin := read.paper_of(path, paper):
            reason, detail = "duplicate", f"the same paper as {whole(str(twin))}: {paper.number}"
    except Unread as error:
        reason, detail = error.reason, "; ".join(filter(None, (error.what, error.hint)))
    except OSError as error:
        reason, detail = "unreadable", error.strerror or str(error)
    if reason:
        return Rejection("list", str(path), reason, detail)
    # the name of the year's folder does not matter; the same file in two years is two documents
    identity = document_id(f"pdf:{quote(f'{year}/{name}' if year else name)}")
    category = flat(composed(name.rpartition("/")[0].partition("/")[0]))
    return Document(
        identity,
        paper.title or path.stem,
        name,
        year,
        paper.text,
        found_by="listing",
        category=category,
    )
