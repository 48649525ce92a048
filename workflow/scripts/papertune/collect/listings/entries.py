"""The entry of a listing as a document, or why it is none: the same for all who list papers."""

from papertune.collect.identifiers import located
from papertune.collect.texts.titles import no_paper
from papertune.records import Document, Rejection


def entry_item(
    key: str, title: str, year: int, *, doi: str = "", url: str = "", text: str = ""
) -> Document | Rejection:
    """The document of an entry, or a rejection under its key.

    Args:
        key: What the source calls it.
        title: The title as plain text; front matter, corrections and what was retracted are no papers.
        year: The year.
        doi: The DOI, in any spelling.
        url: The landing page; that of the DOI where it is none.
        text: The abstract as plain text.
    """
    reason = no_paper(title) if title else "no_title"
    if reason:
        return Rejection("list", key, reason, title or url or doi)
    identity, doi, url = located(doi, url)
    if not url:
        return Rejection("list", key, "no_link", title)
    found_by = "listing" if text else ""
    return Document(identity, title, url, year, text, found_by, doi=doi)
