"""Settings of sources that are read page by page or file by file, and what all sources share."""

import codecs
import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from papertune.study.settings.base import Like, Settings, added, cosmetic
from papertune.study.settings.splits import Part

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Stream = Annotated[
    str,
    Like(
        re.compile(r"^(conf|journals|series|repo)/[\w+.-]+$"),
        "the beginning of dblp's keys such as conf/isca, journals/tc",
    ),
]


class ListedSource(Settings):
    """What all sources share: who lists them, and what their documents come with.

    ``lister`` is a module and its function ``(session, source, year, *, refresh)``, which yields a
    Document or a Rejection for each item. Where ``rows`` is set, it is ``(source, year)`` instead
    and yields the place, year and item of each row of a file; year 0 means all rows where documents
    have no years.
    """

    kind: str
    lister: ClassVar[str]
    rows: ClassVar[bool] = False
    # files that are read whenever a run is planned, so that new rows are noticed; other sources are
    # listed once, and again by `snakemake refresh`
    watched: ClassVar[bool] = False

    # a module and its function ``(source, year)`` that checks the beginning of the files that a
    # person supplies; not needed for rows that are watched
    looker: ClassVar[str] = ""

    with_texts: ClassVar[bool] = False  # documents are listed with texts: no page is fetched
    voted: ClassVar[bool] = False
    in_folders: ClassVar[bool] = False  # a document's category is its folder
    undated: ClassVar[Literal["needed", "none", "either"]] = "needed"  # `years` if no setting tells

    @property
    def years(self) -> Literal["needed", "none", "either"]:
        """Whether a split by year is required (needed), impossible (none) or optional (either)."""
        said = "{year}" in getattr(self, "path", "") or self._has_column("year")
        return "needed" if said else self.undated

    @property
    def has_scores(self) -> bool:
        """Whether documents come with a score: votes of readers, or a column."""
        return self.voted or self._has_column("score")

    @property
    def has_categories(self) -> bool:
        """Whether documents come with a category: their folder, or a column."""
        return self.in_folders or self._has_column("category")

    def server(self, part: Part) -> str:
        """Address of the server that lists a year or part, such as ``https://en.wikipedia.org/``;
        empty if there is none or the settings do not tell it.
        """
        own = {name: str(getattr(self, name)) for name in type(self).model_fields}
        url = own.get("url", "")  # the demo's is no setting: its jobs serve it themselves
        for name, value in (own | {"year": str(part)}).items():
            url = url.replace(f"{{{name}}}", value)
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}/" if url and "{" not in parts.netloc else ""

    @property
    def has_checks(self) -> bool:
        """Whether documents come with a program that checks an answer."""
        return self._has_column("check")

    def brought(self) -> str:
        """The files that a person has to supply, in words; empty if none."""
        return ""

    def _has_column(self, name: str) -> bool:
        return bool(getattr(getattr(self, "columns", None), name, ""))

    def files_of(self, part: int | str) -> list[Path]:
        """The local files of a year or part, each once."""
        paths = getattr(self, "paths", None) or filter(None, [getattr(self, "path", "")])
        return [Path(path) for path in dict.fromkeys(p.replace("{year}", str(part)) for p in paths)]


class DemoSource(ListedSource):
    """The built-in venue, served over HTTP on loopback by the jobs that need it."""

    lister = "papertune.collect.listings.dblp:list_documents"
    url: ClassVar[str] = "http://index.papertune.example/db/conf/pt/pt{year}.html"
    kind: Literal["demo"]
    seed: int = Field(1, description="seed of the generated papers")
    papers_per_year: int = Field(
        12, ge=1, le=40, description="papers of the demo venue per year"
    )  # each year has its own supply of names


class DblpSource(ListedSource):
    """DBLP's table-of-contents pages; ``{year}`` in the url stands for the year."""

    lister = "papertune.collect.listings.dblp:list_documents"
    kind: Literal["dblp"]
    url: str = Field(description="address of DBLP's table of contents, with {year}")


class DblpApiSource(ListedSource):
    """DBLP's search API (JSON); ``{year}`` in the query stands for the year."""

    lister = "papertune.collect.listings.dblp:search"
    kind: Literal["dblp_api"]
    query: str = Field(description="query of DBLP's search, with {year}")
    url: str = Field("https://dblp.org/search/publ/api", description="address of the service")


class PmlrSource(ListedSource):
    """Volume pages of the Proceedings of Machine Learning Research: year → volume numbers."""

    lister = "papertune.collect.listings.pmlr:read_volumes"
    kind: Literal["pmlr"]
    volumes: dict[int, list[int]] = Field(description="year → numbers of PMLR's volumes")
    url: str = Field(
        "https://proceedings.mlr.press/v{volume}/", description="address of the service"
    )


def _known_encoding(name: str) -> str:
    with suppress(LookupError, UnicodeError):
        "".encode(name or "utf-8")  # fails for codecs that are no text encodings
        return name and codecs.lookup(name).name
    raise ValueError(
        f"no encoding is called {name!r}; windows-1252, gb18030 and shift_jis are some"
    )


Encoding = Annotated[str, AfterValidator(_known_encoding)]
OF_TEXT = "encoding of the file if it is not UTF-8: windows-1252, gb18030, shift_jis"


class PaperColumns(Settings):
    """Columns of a table of papers. The usual names in exports of reference managers and databases
    are known; give other names here.
    """

    title: str = added("", description="column of the title; empty: known by its usual names")
    paper_url: str = added(
        "", description="column of the paper's address; empty: known by its usual names"
    )
    doi: str = added("", description="column of the DOI; empty: known by its usual names")
    year: str = added("", description="column of the year or date; empty: known by its usual names")
    abstract: str = added("", description="column of the abstract; empty: known by its usual names")
    category: str = Field("", description="column of the category; empty: known by its usual names")


class FilesSource(ListedSource):
    """Local tables of papers; ``{year}`` in the path, if any, stands for the year."""

    lister = "papertune.collect.listings.files:read"
    rows = True
    watched = True
    undated = "either"
    kind: Literal["files"]
    path: str = Field(description="path of a table of papers, with {year} or one file for all")
    columns: PaperColumns = added(PaperColumns(), description="which column of the table is what")
    encoding: Encoding = added("", description=OF_TEXT)

    @property
    def years(self) -> Literal["needed", "none", "either"]:
        """See :attr:`ListedSource.years`: a column of years may stay unused."""
        return "needed" if "{year}" in self.path else "either"

    def brought(self) -> str:
        """See :meth:`ListedSource.brought`."""
        kinds = "CSV, TSV, .xlsx, JSON, JSONL or Parquet"
        return f"{kinds} with title, paper_url or doi, year and abstract"


class DblpSparqlSource(ListedSource):
    """DBLP's SPARQL endpoint: streams (``conf/isca``), venues (``ISCA``), or a query of one's own."""

    lister = "papertune.collect.listings.dblp:sparql"
    one_of = ("streams", "venues", "query")
    kind: Literal["dblp_sparql"]
    streams: list[Stream] = Field([], description="DBLP's streams, such as conf/isca")
    venues: list[Text] = Field([], description="venues as DBLP prints them, such as ISCA")
    query: str = Field(
        "", description="a whole SELECT query with {year}, in place of streams and venues"
    )
    url: str = Field("https://sparql.dblp.org/sparql", description="address of the service")


class DblpSnapshotSource(ListedSource):
    """A snapshot of DBLP on disk (``dblp.xml`` or ``dblp.xml.gz``) and the keys wanted of it."""

    lister = "papertune.collect.listings.dblp_snapshot:read"
    looker = "papertune.collect.listings.dblp_snapshot:look"
    rows = True
    kind: Literal["dblp_snapshot"]
    path: Text = Field(description="path of dblp.xml or dblp.xml.gz")
    keys: list[Text] = Field(
        min_length=1, description="beginnings of DBLP keys, such as conf/isca/"
    )

    def brought(self) -> str:
        """See :meth:`ListedSource.brought`."""
        return "dblp.xml or dblp.xml.gz, from https://dblp.org/xml/"


class AclXmlSource(ListedSource):
    """An XML file of the ACL Anthology, local or under a url; ``{year}`` stands for the year."""

    lister = "papertune.collect.listings.acl:list_xml"
    looker = "papertune.collect.listings.acl:look"
    kind: Literal["acl_xml"]
    path: Text = Field(description="path or address of the Anthology's XML, with {year}")
    volumes: list[Text] = Field([], description="volumes to read, such as main; empty: all")
    url: str = Field(
        "https://aclanthology.org/", description="address of the site that has the papers"
    )

    def brought(self) -> str:
        """See :meth:`ListedSource.brought`; nothing where ``path`` is a url."""
        where = "https://github.com/acl-org/acl-anthology"
        return (
            "" if "://" in self.path else f"an XML file of the Anthology, from data/xml/ of {where}"
        )

    def server(self, part: Part) -> str:
        """See :meth:`ListedSource.server`: that of the file."""
        parts = urlsplit(self.path.replace("{year}", str(part)))
        return f"{parts.scheme}://{parts.netloc}/" if parts.netloc else ""


class AclSource(ListedSource):
    """A volume's or an event's page of the ACL Anthology; ``{year}`` stands for the year."""

    lister = "papertune.collect.listings.acl:list_pages"
    kind: Literal["acl"]
    url: Text = Field(description="address of a volume's or event's page, with {year}")
    volumes: list[Text] = Field(
        [], description="volumes to read, such as {year}.acl-long; empty: all"
    )


class BibtexSource(ListedSource):
    """BibTeX files; ``{year}`` in a path, if any, stands for the year."""

    lister = "papertune.collect.listings.bibtex:read"
    rows = True
    watched = True
    kind: Literal["bibtex"]
    paths: list[Text] = Field(
        min_length=1, description="BibTeX files, with {year} or one file for all years"
    )
    encoding: Encoding = added("", description=OF_TEXT)

    def brought(self) -> str:
        """See :meth:`ListedSource.brought`."""
        return "BibTeX files whose entries have doi, url or eprint, and an abstract if possible"


class PdfsSource(ListedSource):
    """A folder of PDFs, or a glob; ``{year}`` in the path is the year, else documents have none. A
    document's category is the first folder below that path.
    """

    lister = "papertune.collect.listings.pdf_folder:list_documents"
    looker = "papertune.collect.listings.pdf_folder:look"
    undated = "none"
    in_folders = with_texts = True
    kind: Literal["pdfs"]
    path: str = Field(description="a folder, or a pattern such as papers/{year}/*.pdf")
    part: Literal["whole", "abstract"] = Field(
        "whole", description="the text that is kept of each PDF: the whole, or its abstract"
    )
    max_pages: int = Field(60, ge=1, description="pages of a file; longer files are rejected")
    max_megabytes: float = Field(50.0, gt=0, description="MB of a file; larger files are rejected")
    max_seconds: float = cosmetic(60.0, gt=0, description="seconds to read a file before rejection")

    def brought(self) -> str:
        """See :meth:`ListedSource.brought`."""
        return "PDFs with text; those of a category lie in a folder of its own"
