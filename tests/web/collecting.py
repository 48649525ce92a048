"""The steps of collecting one year in one folder, and a table of contents in DBLP's format."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from papertune.collect.identifiers import document_id
from papertune.collect.steps import fetch_documents, list_documents, render_documents
from papertune.records import Document, Rejection, read_records, write_records
from papertune.study.settings.listings import FilesSource


def contents(entries: Iterable[tuple[str, str]]) -> str:
    """A table of contents of urls and titles."""
    listed = "".join(
        f'<li class="entry inproceedings" id="conf/x/{url}"><nav class="publ"><ul>'
        f'<li class="ee"><a href="{url}">view</a></li></ul></nav>'
        f'<cite><span class="title">{title}.</span></cite></li>'
        for url, title in entries
    )
    return f"<html><title>dblp</title><ul class='publ-list'>{listed}</ul></html>"


class Steps:
    """List, fetch and render; a listing may also be given."""

    def __init__(self, folder: Path, fetching: Any, source: Any = None) -> None:
        self.folder, self.fetching = folder, fetching
        self.source = source or FilesSource(kind="files", path="none")
        self.kept = {"store": folder / "store", "cache": folder / "cache"}

    def change(self, **fetching: Any) -> None:
        self.fetching = self.fetching.model_copy(update=fetching)

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.jsonl"

    def read(self, name: str, kind: type = Document) -> list:
        return list(read_records(self.file(name), kind))

    def list(self, year: int = 2020, **how: Any) -> tuple[list, list]:
        files = {"output": self.file("listing"), "rejected": self.file("rejected")}
        cache = self.kept["cache"]
        list_documents(self.source, self.fetching, year, **files, cache=cache, **how)
        return self.read("listing"), self.read("rejected", Rejection)

    def fetch(self, **how: Any) -> "list[Document]":
        files = {"listing": self.file("listing"), "output": self.file("fetched")}
        fetch_documents(self.source, self.fetching, **files, **self.kept, **how)
        return self.read("fetched")

    def render(self, **how: Any) -> tuple[list, list]:
        names = {"output": "documents", "listing": "listing", "fetched": "fetched"}
        files = {key: self.file(name) for key, name in names.items()}
        missing = self.file("missing")
        render_documents(self.source, self.fetching, **files, missing=missing, **self.kept, **how)
        return self.read("documents"), self.read("missing", Rejection)

    def fetch_urls(self, *urls: str, **changes: Any) -> dict[str, Document]:
        """The documents of the urls after fetching."""
        listed = [Document(document_id(url), f"Paper {url}", url, 2020) for url in urls]
        write_records(self.file("listing"), listed)
        before = self.fetching
        self.change(**changes)
        try:
            return {document.url: document for document in self.fetch()}
        finally:
            self.fetching = before

    def reasons(self, *urls: str) -> "list[str]":
        """The reason of each document, or an empty string where it has its text."""
        done = self.fetch_urls(*urls)
        assert all(bool(done[url].text) != bool(done[url].reason) for url in urls)
        return [done[url].reason for url in urls]
