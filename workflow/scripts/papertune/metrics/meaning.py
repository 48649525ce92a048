"""Similarity of answer and reference in meaning."""

from papertune.metrics.metric import Embeddings, Parts, metric
from papertune.records import Answer


def answer_and_reference(answer: Answer) -> tuple[str, ...]:
    """The texts of an answer to embed."""
    return answer.text, answer.reference


# Above this share of unknown pieces, a text counts as unreadable for an embedder. English abstracts
# have below one in a hundred; one unknown word in twenty leaves a sentence's meaning, more may not.
MOST_UNKNOWN = 0.05


@metric("Similarity", unit="cosine, −1 to 1", bounds=(-1.0, 1.0), texts=answer_and_reference)
def similarity(answer: Answer, embeddings: Embeddings | None) -> Parts | None:
    """Cosine of the sentence embeddings of the answer and the reference answer: closeness in
    meaning. Compare it with its value by chance, between references of different documents, which
    is shown beside it in the table of metrics. A text longer than the embedder's window is read
    in windows; the mean of their vectors, weighted by tokens, is taken. An empty answer gets 0. So
    does one that the embedder cannot read (more than 5 % of its pieces are unknown); a question
    whose reference it cannot read is not counted. Cells with such texts are marked.
    """
    assert embeddings is not None  # Reimers and Gurevych 2019
    if embeddings.unread(answer.reference) > MOST_UNKNOWN:
        return None
    return (embeddings.cosine(answer.text, answer.reference),)
