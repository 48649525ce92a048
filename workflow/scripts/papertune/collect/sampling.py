"""A sample of a listing, or of each category of it: the first documents, by a hash of their id, that
have a text.

A document stands where its id puts it, whatever else is listed. So one more displaces one at most,
and nobody is asked about a document that is not needed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from papertune.errors import one_line
from papertune.identity import share
from papertune.records import Document, Rejection
from papertune.study.settings import SampleOf

NOT_SAMPLED = "not_sampled"  # the reason of those that were not needed


def until_enough(
    documents: Sequence[Document],
    sample: int | None,
    find: Callable[[list[Document]], list[Document]],
    usable: Callable[[Document], bool],
    of: SampleOf = "year",
) -> list[Document]:
    """The documents that had to be looked at, with what finding gave, in the order of the listing.

    Args:
        documents: All that are listed.
        sample: How many usable ones are enough; all documents are looked at if None.
        find: Gives some documents with their texts, or why they have none.
        usable: Whether such a one counts.
        of: ``category``: so many are enough of each.
    """
    if sample is None:
        return find(list(documents))
    group = {one.id: one.category if of == "category" else "" for one in documents}
    in_order: dict[str, list[Document]] = {}
    for one in sorted(documents, key=lambda document: share(document.id, "sample")):
        in_order.setdefault(group[one.id], []).append(one)
    seen: dict[str, Document] = {}
    queues, wanted = (
        {name: iter(some) for name, some in in_order.items()},
        dict.fromkeys(in_order, sample),
    )
    while batch := [one for name, queue in queues.items() for one in islice(queue, wanted[name])]:
        for document in find(batch):
            seen[document.id] = document
            wanted[group[document.id]] -= usable(document)
    return [seen[document.id] for document in documents if document.id in seen]


def lacking(categories: Iterable[str], found: Iterable[Document], sample: int) -> dict[str, int]:
    """Category → how many documents it has fewer than are wanted of each."""
    have = Counter(document.category for document in found)
    return {name: sample - have[name] for name in sorted({*categories}) if have[name] < sample}


def category_label(name: str) -> str:
    """A category as logs and tables name it."""
    return one_line(name)[:100] or "without a category"


def not_sampled(document: Document) -> Rejection:
    """What is written of a document that is not of the sample."""
    return Rejection("collect", document.id, NOT_SAMPLED, f"{document.title} – {document.url}")
