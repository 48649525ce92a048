"""Subsets of training pairs: whole documents, chosen by score, by order or by hash."""

from papertune.errors import TrainingError
from papertune.identity import share
from papertune.records import Pair
from papertune.study.settings import Subset


def choose(pairs: list[Pair], subset: Subset | None, where: str) -> list[Pair]:
    """The pairs of a subset, in their order; a document's pairs stay together.

    The share of documents that ``fraction`` takes stays taken when others are added, and a larger
    share holds a smaller one.

    Args:
        where: Names the pairs in the error.

    Raises:
        TrainingError: documents without a score where the best are asked for, or nothing is left.
    """
    if subset is None:
        return pairs
    documents = list(dict.fromkeys(pair.document for pair in pairs))
    if subset.top is not None:
        scores = {pair.document: _score(pair, where) for pair in pairs}
        ranked = sorted(documents, key=lambda document: -scores[document])  # stable where equal
        taken = set(ranked[: subset.top])
    elif subset.first is not None:
        taken = set(documents[: subset.first])
    else:
        taken = {d for d in documents if share(d, "subset") < (subset.fraction or 0)}
    chosen = [pair for pair in pairs if pair.document in taken]
    if not chosen:
        raise TrainingError(
            f"a fraction of {subset.fraction} leaves none of {len(documents)} documents",
            where=where,
            hint="raise the model's subset.fraction",
        )
    return chosen


def _score(pair: Pair, where: str) -> float:
    score = pair.provenance.get("score")
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise TrainingError(
            f"document {pair.document} has no score, so the best cannot be told",
            where=where,
            hint="see to it that every row of the source has a score; or, where all have one, "
            "delete the pairs and run again (they then get it, and nobody is asked); or take "
            "subset: {first: …} or {fraction: …}",
        )
    return float(score)
