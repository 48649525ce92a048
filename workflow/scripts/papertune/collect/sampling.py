"""A sample of a listing: the first documents, by a hash of their id, that have a text.

A document stands where its id puts it, whatever else is listed. So one more displaces one at most,
and nobody is asked about a document that is not needed.
"""

from collections.abc import Callable, Sequence
from itertools import islice

from papertune.identity import share
from papertune.records import Document, Rejection

NOT_SAMPLED = "not_sampled"  # the reason of those that were not needed


def until_enough(
    documents: Sequence[Document],
    sample: int | None,
    find: Callable[[list[Document]], list[Document]],
    usable: Callable[[Document], bool],
) -> list[Document]:
    """The documents that had to be looked at, with what finding gave, in the order of the listing.

    Args:
        documents: All that are listed.
        sample: How many usable ones are enough; all documents are looked at if None.
        find: Gives some documents with their texts, or why they have none.
        usable: Whether such a one counts.
    """
    if sample is None:
        return find(list(documents))
    queue = iter(sorted(documents, key=lambda document: share(document.id, "sample")))
    seen: dict[str, Document] = {}
    lacking = sample
    while lacking and (batch := list(islice(queue, lacking))):
        found = find(batch)
        seen |= {document.id: document for document in found}
        lacking -= sum(map(usable, found))
    return [seen[document.id] for document in documents if document.id in seen]


def not_sampled(document: Document) -> Rejection:
    """What is written of a document that is not of the sample."""
    return Rejection("collect", document.id, NOT_SAMPLED, f"{document.title} – {document.url}")
