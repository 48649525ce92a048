"""Sample a listing, or each of its categories: the first documents with a text, by hash of id.

A document's place in this order depends on its id alone. So a new document displaces at most one,
and documents that the sample does not need are not looked up.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from papertune.errors import one_line
from papertune.identity import share
from papertune.records import Document, Rejection
from papertune.study.settings import SampleOf

NOT_SAMPLED = "not_sampled"  # the reason of documents that the sample did not need


def until_enough(
    documents: Sequence[Document],
    sample: int | None,
    find: Callable[[list[Document]], list[Document]],
    usable: Callable[[Document], bool],
    of: SampleOf = "year",
) -> list[Document]:
    """Look documents up until the sample is full; returns those looked up, in the listing's order.

    Args:
        documents: All that are listed.
        sample: How many usable documents are enough; None looks all up.
        find: Looks some documents up, and returns them with a text or a reason.
        usable: Whether such a document counts.
        of: With ``category``, ``sample`` is the number for each category.
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
    """Category → how many documents it lacks; categories with ``sample`` or more are left out."""
    have = Counter(document.category for document in found)
    return {name: sample - have[name] for name in sorted({*categories}) if have[name] < sample}


def category_label(name: str) -> str:
    """A category as logs and tables name it."""
    return one_line(name)[:100] or "without a category"


def not_sampled(document: Document) -> Rejection:
    """The rejection of a document that is not in the sample."""
    return Rejection("collect", document.id, NOT_SAMPLED, f"{document.title} – {document.url}")
