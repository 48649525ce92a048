"""Measure the overhead of parsing untrusted input in a child process, on benign input.

python benchmarks/reading.py [--rounds 5]

300 pages of the demo venue are fetched over loopback and their abstracts extracted, 50 PDFs of four
pages listed, 300 posts converted to documents and 300 replies of a model parsed: as jobs do it, and
with the same functions called directly, in turns. The fastest round of each counts.
"""

import argparse
import json
import shutil
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from papertune.collect.identifiers import document_id
from papertune.collect.listings import pdf_folder
from papertune.collect.lookups import resolvers
from papertune.collect.texts.posts import pair_document
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import PageError
from papertune.demo.papers import Paper, papers
from papertune.demo.venue import LIBRARY, demo_server, kinds_of
from papertune.generators.checking import judge
from papertune.generators.reading import Cleaned, pairs_in
from papertune.records import Document
from papertune.study.settings import Fetching, TransformersGenerator
from papertune.study.settings.listings import DemoSource, PdfsSource

MOST = 1.05
YEARS, EACH, PDFS = range(2001, 2016), 20, 50


class Here:
    """A replacement for Readers that parses in this process."""

    def close(self) -> None:
        """Nothing to close."""

    def read(self, work: Any, *given: Any, of: str = "", seconds: float = 0, **named: Any) -> Any:
        """As :meth:`Readers.read`."""
        made = work(*given, **named)
        return asdict(made) if is_dataclass(made) else made  # type: ignore[call-overload]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    source = DemoSource(kind="demo", papers_per_year=EACH)
    listed = []
    for year in YEARS:
        some = papers(year, EACH, source.seed)
        kinds = kinds_of(some)  # a busy one would ask to wait
        listed += [paper for paper in some if kinds[paper.key] not in ("busy", "gone")]
    totals = [0.0, 0.0]
    with (
        tempfile.TemporaryDirectory(prefix="papertune-reading-") as folder,
        demo_server(source) as venue,
        PoliteSession(Fetching(), Path(folder, "cache"), hosts=venue.hosts) as session,
    ):
        apart = session.readers
        write_pdfs(Path(folder, "papers"), [paper.abstract for paper in listed])
        for name, work in works(session, listed, folder).items():
            best = [float("inf")] * 2
            for _ in range(rounds + 1):  # the first one imports, in both
                for place, readers in enumerate((Here(), apart)):
                    session.readers = readers  # type: ignore[assignment]
                    best[place] = min(best[place], work())
            print(f"{name}: {best[0]:.3f} s here, {best[1]:.3f} s apart, {best[1] / best[0]:.3f} ×")
            totals = [total + seconds for total, seconds in zip(totals, best, strict=True)]
        session.readers = apart
    ratio = totals[1] / totals[0]
    print(f"reading apart to reading here: {ratio:.3f} × (at most {MOST} ×)")
    sys.exit(ratio > MOST)


def works(
    session: PoliteSession, listed: list[Paper], folder: str
) -> dict[str, Callable[[], float]]:
    """Name → function that does one kind of work and returns its seconds."""
    documents = []
    for paper in listed:
        url = f"http://{LIBRARY}{paper.path}"
        documents.append(Document(document_id(url), paper.title, url, paper.year, paper.abstract))

    def pages() -> float:
        [(_, landing)] = resolvers(["landing"], session, session.fetching)
        start = time.perf_counter()
        for document in documents:
            session.cache.forget(document.url)
            with suppress(PageError):  # some pages of the venue are gone, on purpose
                landing(document)
        return time.perf_counter() - start

    def pdfs() -> float:
        source = PdfsSource(kind="pdfs", path=str(Path(folder, "papers")))
        start = time.perf_counter()
        assert all(
            isinstance(one, Document) for one in pdf_folder.list_documents(session, source, 0)
        )
        return time.perf_counter() - start

    def posts() -> float:
        start = time.perf_counter()
        for number, paper in enumerate(listed):
            said = f"<p>{paper.abstract}</p>"
            post = (paper.title, f"{said}<pre>x</pre>" * 3, f"{said}<ul><li>{said}</li></ul>" * 3)
            pair_document(session.readers, "math", number, post, 1, 2020)
        return time.perf_counter() - start

    generator = TransformersGenerator(backend="transformers", model="/m", prompt="p.txt")

    def replies() -> float:
        def read(text: str, cut: bool) -> Cleaned:
            return session.readers.read(pairs_in, text, cut=cut)

        start = time.perf_counter()
        for document in documents:
            pairs = [{"question": f"What of {n}?", "answer": document.text[:400]} for n in range(3)]
            text = f"Here they are:\n```json\n{json.dumps(pairs, indent=1)}\n```"
            judge(generator, {"text": text, "cut": False}, document, read)
        return time.perf_counter() - start

    return {"300 pages": pages, "50 PDFs": pdfs, "300 posts": posts, "300 replies": replies}


def write_pdfs(folder: Path, texts: list[str]) -> None:
    """Write PDFs of four pages full of text."""
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    folder.mkdir()
    lines = textwrap.wrap(" ".join(texts), 100)
    with PdfPages(folder / "0.pdf") as pdf:
        for page in range(4):
            figure = Figure(figsize=(8.27, 11.69))
            for row, line in enumerate(lines[60 * page : 60 * page + 60]):
                figure.text(0.1, 0.95 - row * 0.015, line, size=8)
            pdf.savefig(figure)
    for number in range(1, PDFS):
        shutil.copy(folder / "0.pdf", folder / f"{number}.pdf")


if __name__ == "__main__":
    main()
