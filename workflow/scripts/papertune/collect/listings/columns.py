"""Find the columns of a table of papers: by the settings, or by the usual names in exports.

They are the exports of reference managers (Zotero, Mendeley, EndNote, CSL JSON), databases (Scopus,
Web of Science, PubMed, IEEE Xplore, Dimensions, Lens) and APIs (Crossref, OpenAlex, Semantic
Scholar).
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from papertune.collect.identifiers import arxiv_id, host_of
from papertune.collect.listings.headers import unnamed
from papertune.collect.listings.names import FLAT, GROUPS, KNOWN, plain
from papertune.collect.listings.openalex import abstract_of
from papertune.collect.listings.places import places
from papertune.collect.texts.is_abstract import is_abstract
from papertune.collect.texts.missing import is_missing
from papertune.errors import CollectError
from papertune.study.settings.listings import PaperColumns
from papertune.study.settings.notation import nearest

Row = dict[str, Any]


# sites that need a sign-in, or whose abstracts are not the publishers'
DATABASES = ("scopus.com", "webofscience.com", "webofknowledge.com", "lens.org", "dimensions.ai",
             "semanticscholar.org", "scholar.google.com", "openalex.org")  # fmt: skip
NUMBERS = {
    "arxiv": "arxiv:{}",
    "pmid": "https://pubmed.ncbi.nlm.nih.gov/{}/",
    "pmcid": "https://pmc.ncbi.nlm.nih.gov/articles/{}/",
}
_NUMBERS = {
    "arxiv": ["arxivid", "arxiv", "arxivnumber", "externalidsarxiv"],
    "pmid": ["pmid", "pubmedid"],
    "pmcid": ["pmcid"],
}
_OF_ARXIV = {"submitter", "versions"}
# objects of a row in which exports and APIs keep all its fields: Zotero, OpenReview, Elasticsearch,
# JSON:API, dblp, scholarly
ENVELOPES = ("data", "content", "_source", "attributes", "info", "bib", "fields", "metadata")
FIELDS = 40  # of an object in a cell, at most
LONG = 100  # characters; a longer text may be an abstract


class Reader:
    """Reads the papers' fields from the rows of one table."""

    def __init__(self, columns: PaperColumns) -> None:
        self.named = {
            field: name.strip().lower()
            for field, name in columns.model_dump().items()
            if name.strip()
        }

    def fields(self, row: Row) -> Row:
        """The row's values of the fields in :data:`KNOWN`, and of ``category``; None if missing."""
        names: Row = {}
        for name, value in row.items():
            known = plain(name)
            if known not in names or _is_nothing(names[known]):
                names[known] = value
        for name, value in row.items():
            for inner, one in _within(value).items():
                names.setdefault(plain(inner if name in ENVELOPES else f"{name} {inner}"), one)
        names = _of_arxiv(names)
        found: Row = {}
        for field in (*KNOWN, "category"):
            if field in self.named:
                found[field] = _reached(row, self.named[field])
            elif field in KNOWN:
                said = [
                    v
                    for v in map(_simple, (names[name] for name in FLAT[field] if name in names))
                    if not _is_nothing(v)
                ]
                if field in ("doi", "paper_url"):  # APIs give lists of links
                    said = [value for value in said if not isinstance(value, Mapping | list)]
                found[field] = next(iter(said), None)
        if "gsrank" in names and "abstract" not in self.named:
            found["abstract"] = None  # Google Scholar has only a part of it
        another = "paperurl" not in names and is_another_page(found["paper_url"])
        if not _is_nothing(found["doi"]) and another:
            found["paper_url"] = None  # the DOI leads to the publisher's page
        # an inverted index of words; other objects (sections by name) are no text
        index = found["abstract"] if "abstract" not in self.named else None
        if isinstance(index, dict) and any(isinstance(at, list) for at in index.values()):
            found["abstract"] = abstract_of({"abstract_inverted_index": index})
        if _is_nothing(found["doi"]) and (another or _is_nothing(found["paper_url"])):
            for kind, group in _NUMBERS.items():
                value = next((names[name] for name in group if name in names), None)
                if not _is_nothing(value) and re.fullmatch(r"[\w./-]+", str(value)):
                    address = NUMBERS[kind].format(str(value).removesuffix(".0"))
                    # spreadsheets turn 1901.10000 into 1901.1
                    if kind != "arxiv" or arxiv_id(address):
                        found["paper_url"] = address
                        break
        return found

    def check(self, rows: Sequence[Row], where: str, *, dated: bool) -> None:
        """Check that the first rows of a table have the needed columns.

        Raises:
            CollectError: a column is missing or ambiguous; the message names all of them.
        """
        columns = list(dict.fromkeys(name for row in rows for name in _places(row)))
        names = self._names(rows, columns)
        wrong, has = list[str](), dict[str, list[str]]()
        for field, groups in GROUPS.items():
            has[field] = [self.named[field]] if field in self.named else _in(groups, names)
            first = next((found for group in groups if (found := _in([group], names))), [])
            spelled = [one for name in first for one in names[name]]
            if field not in self.named and len(spelled) > 1 and not _alike(rows, spelled):
                wrong.append(f"{field} may be {' or '.join(map(repr, spelled))}")
        missing = [] if has["title"] else ["title"]
        located = has["doi"] or has["paper_url"] or _in(_NUMBERS.values(), names)
        if not (located or has["abstract"]):  # a row with its text needs no link
            missing.append("paper_url or doi")
        if dated and not has["year"]:
            missing.append("year")
        if not has["abstract"] and (missing or _has_prose(rows, has)):
            missing.append("abstract")
        if missing:
            wrong.insert(0, f"no column is {', '.join(missing)}{nearest(missing[0], columns)}")
        if wrong:
            fields = missing or [one.split()[0] for one in wrong]
            named = ", ".join(f"{field.split(' or ')[0]}: …" for field in fields)
            raise CollectError(
                "; ".join(wrong),
                where=where,
                hint=f"the columns are {', '.join(columns[:60])}; name the right ones in "
                f"source.columns: {{{named}}}{unnamed(columns)}",
            )

    def taken(self, rows: Sequence[Row]) -> dict[str, str]:
        """Field → the column that is used for it, by a table's first rows."""
        names = self._names(rows, list(dict.fromkeys(name for row in rows for name in row)))
        first = {field: _in(groups, names) for field, groups in GROUPS.items()}
        numbers = _in(_NUMBERS.values(), names)
        if not (first["doi"] or first["paper_url"]) and numbers:
            first["paper_url"] = numbers
        return {field: names[known[0]][0] for field, known in first.items() if known} | self.named

    def _names(self, rows: Sequence[Row], columns: Sequence[str]) -> dict[str, list[str]]:
        """Plain name → the columns with that name, as written."""
        seen = {
            name: row for row in reversed(rows) for name, v in row.items() if not _is_nothing(v)
        }
        names: dict[str, list[str]] = {}
        for row in (dict.fromkeys(columns), *seen.values()):
            for name, known in self._spelled(row):
                names.setdefault(known, [])
                names[known] += [name] * (name not in names[known])
        return names

    def lacking(self, row: Row, names: Iterable[str]) -> set[str]:
        """The columns among ``names`` (from the settings) that a row does not have."""
        own = {str(name).strip().lower() for name in row}
        return {name for name in names if name not in own and _reached(row, name) is None}

    def _spelled(self, row: Row) -> Iterator[tuple[str, str]]:
        """(name as written, plain name) of the row's columns, and of objects within them."""
        own = {name: plain(name) for name in row}
        yield from own.items()
        for name, value in row.items():
            for inner in _within(value):
                known = plain(inner if name in ENVELOPES else f"{name} {inner}")
                if known not in own.values():
                    yield f"{name}.{inner}", known
        if {*own.values()} >= _OF_ARXIV:
            yield from (("id", "arxivid"), ("versions.0.created", "published"))


def _within(value: Any) -> Mapping[str, Any]:
    """The fields of an object; empty for other values, and for an index of words."""
    return value if isinstance(value, Mapping) and len(value) <= FIELDS else {}


def _of_arxiv(names: Row) -> Row:
    """The fields of a row of arXiv's own data set, with its number and its first date added."""
    if not names.keys() >= _OF_ARXIV:
        return names
    first = next(iter(names["versions"] or ()), None)
    created = first.get("created") if isinstance(first, Mapping) else None
    return {"arxivid": names.get("id"), "published": created, **names}


def _places(row: Row) -> Iterator[str]:
    """A row's columns, as the settings would name them."""
    for name, value in row.items():
        yield from places(
            {name: value if _within(value) else value if isinstance(value, list) else None}
        )


def _in(groups: Iterable[Iterable[str]], names: Container[str]) -> list[str]:
    return [name for group in groups for name in group if name in names]


def _has_prose(rows: Iterable[Row], has: Mapping[str, list[str]]) -> bool:
    """Whether an unused column may have the abstracts; if none may, they are fetched from pages."""
    used = {name for some in has.values() for name in some}
    values = (
        one
        for row in rows
        for name, value in row.items()
        for inner, one in (_within(value) or {name: value}).items()
        if not {plain(name), plain(inner)} & used
    )
    return any(
        isinstance(value, str) and len(value) > LONG and is_abstract(value) for value in values
    )


def _alike(rows: Iterable[Row], names: list[str]) -> bool:
    """Whether columns have equal values in each row, apart from missing ones."""
    for row in rows:
        values = [row[name] if name in row else _reached(row, name.lower()) for name in names]
        said = {str(value) for value in values if not _is_nothing(value)}
        if len(said) > 1:
            return False
    return True


def _simple(value: Any) -> Any:
    """The only item of a list (APIs give titles so), or an object's ``value`` (OpenReview)."""
    if isinstance(value, Mapping) and value.keys() == {"value"}:
        return value["value"]
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def is_another_page(url: Any) -> bool:
    """Whether a url is a PDF's, or a database's own page."""
    if not isinstance(url, str):
        return False
    path = url.lower().split("?")[0]
    return path.endswith((".pdf", "/stamp.jsp")) or host_of(url).endswith(DATABASES)


def _is_nothing(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= 60 and is_missing(value)  # most values are longer
    return value is None or value != value or value in ([], {})


def _reached(row: Row, name: str) -> Any:
    """The value of a column or a field within one (``externalIds.DOI``); case does not matter."""
    folded: Any = {str(key).strip().lower(): value for key, value in row.items()}
    if name in folded:
        return _simple(folded[name])
    for part in name.split("."):
        if isinstance(folded, Mapping):
            folded = {str(key).strip().lower(): value for key, value in folded.items()}.get(part)
        elif isinstance(folded, list) and part.isdecimal() and int(part) < len(folded):
            folded = folded[int(part)]
        else:
            return None
    return _simple(folded)
