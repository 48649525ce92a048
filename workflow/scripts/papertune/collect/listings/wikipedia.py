"""Wikipedia's pages by titles and categories, through the MediaWiki API."""

from collections.abc import Callable, Iterator
from urllib.parse import quote

from papertune.collect.identifiers import document_id
from papertune.collect.listings.mediawiki import Wiki, canonical
from papertune.collect.texts.wikipedia_text import Section, without_boilerplate
from papertune.collect.web.session import PoliteSession
from papertune.records import Document, Rejection
from papertune.study.settings.qa import WikipediaSource


def list_documents(
    session: PoliteSession, source: WikipediaSource, year: int = 0, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The pages of titles, then those of categories and their subcategories, each once.

    Raises:
        CollectError: the API refuses or gives something else.
    """
    wiki = Wiki(session, source, refresh)
    read = wiki.extract if source.text == "extracts" else wiki.html
    asked: set[str] = set()
    given: set[str] = set()
    for item in wiki.titles():
        if isinstance(item, Rejection):
            yield item
            continue
        if canonical(item) in asked:
            yield Rejection("list", item, "duplicate", "named before, or in two categories")
            continue
        asked.add(canonical(item))
        page = read(item)
        if isinstance(page, Rejection):
            yield page
            continue
        title, sections = page
        if title in given:
            yield Rejection("list", item, "duplicate", f"it redirects to {title}")
            continue
        documents = list(_documents(source, wiki.url_of(title), title, sections))
        yield from documents
        if any(isinstance(document, Document) for document in documents):
            given.add(title)
            if len(given) == source.limit:
                return


# ---- parts --------------------------------------------------------------------------------


def _documents(
    source: WikipediaSource, url: str, title: str, sections: list[Section]
) -> Iterator[Document | Rejection]:
    """The documents of a page: one, or one for each section of the second level."""
    kept = without_boilerplate(sections, source.skip)
    whole = [paragraph for section in kept for paragraph in section.paragraphs]
    if not whole:
        yield Rejection("list", url, "no_text", title)
        return
    cut = _cutter(source, whole)
    if source.unit == "page":
        yield _document(source, url, title, cut(whole), document_id(url))
        return
    parts: list[tuple[str, list[str]]] = []
    for section in kept:
        if section.level <= 2 or not parts:
            parts.append((section.heading, []))
        parts[-1][1].extend(section.paragraphs)
    names: dict[str, int] = {}
    for heading, paragraphs in parts:
        if not paragraphs:
            continue
        names[heading] = names.get(heading, 0) + 1
        # as the wiki itself names the second section with the same heading
        anchor = heading + (f" {names[heading]}" if names[heading] > 1 else "")
        fragment = quote(anchor.replace(" ", "_"), safe="/:@!$*(),;~")
        yield _document(
            source,
            f"{url}#{fragment}" if heading else url,
            f"{title}: {heading}" if heading else title,
            cut(paragraphs),
            # a fragment is no part of a document's address
            document_id(f"{url}?section={fragment}" if heading else url),
        )


def _document(
    source: WikipediaSource, url: str, title: str, paragraphs: list[str], identity: str
) -> Document | Rejection:
    text = "\n".join(paragraphs)
    words = len(text.split())
    if words < source.min_words:
        return Rejection("list", url, "too_short", f"{title}: {words} words")
    return Document(id=identity, title=title, url=url, year=0, text=text, found_by="listing")


def _cutter(source: WikipediaSource, page: list[str]) -> Callable[[list[str]], list[str]]:
    """Paragraphs into those of the first so many sentences."""
    most = source.sentences
    if most is None:
        return lambda paragraphs: paragraphs
    from papertune.sentences import learned_splitter

    split = learned_splitter("\n".join(page))

    def cut(paragraphs: list[str]) -> list[str]:
        found, left = [], most
        for paragraph in paragraphs:
            some = split(paragraph)[:left]
            found += [" ".join(some)] if some else []
            left -= len(some)
        return found

    return cut
