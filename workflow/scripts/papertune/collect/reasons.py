"""Why a document has no text, in words for people."""

from __future__ import annotations

from papertune.records import Document, Rejection

# a page that was refused is not asked for by other means
NOT_RENDERED = (
    "http_4", "robots", "not_html", "too_large", "bad_url", "redirects", "private_address"
)  # fmt: skip
REASONS = {
    "no_doi": "neither a DOI nor an arXiv number to look it up by (fetching.lookups.by_title would)",
    "not_found": "the last one asked does not know it",
    "other_title": "only papers with other titles were found",
    "browser_memory": "its scripts take more than fetching.browser_megabytes",
    "browser_died": "the browser died of it twice",
    "robots_unreachable": "the site's robots.txt cannot be read at present",
    "host_stopped": "its host did not answer, or asked for a human, and is asked no more",
    "withdrawn": "it was withdrawn",
    "truncated": "only its beginning was found",
    "api_error": "the API failed; ask again with --forcerun fetch_documents",
    "private_address": "the link leads to a private address; see fetching.allow_hosts",
    "bad_answer": "no answer that could be read; ask again with --forcerun fetch_documents",
    "no_abstract_in_page": "the page has no abstract",
    "no_abstract": "no abstract in the page, nor after its JavaScript ran",
    "needs_browser": "the page as it comes has no abstract; a browser may show one",
    "robots": "robots.txt forbids the page",
    "not_html": "the link leads to a file, not to a page",
    "too_large": "larger than fetching.max_megabytes",
    "timeout": "no answer in time; ask again with --forcerun fetch_documents",
    "connection": "no connection; ask again with --forcerun fetch_documents",
    "http_404": "there is no such page",
}


def rejection(document: Document, why_not: str) -> Rejection:
    """A document without a text as the report tells of it; ``why_not`` says why no browser was asked."""
    said = REASONS.get(document.reason, "")
    if document.reason == "needs_browser" and why_not:
        said = f"{said}: {why_not}"
    detail = f"{document.title} – {document.url}" + (f" – {said}" if said else "")
    return Rejection("collect", document.id, document.reason, detail)
