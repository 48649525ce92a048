"""How close an answer is in meaning."""

from papertune.metrics.metric import Embeddings, Parts, metric
from papertune.records import Answer


def answer_and_reference(answer: Answer) -> tuple[str, ...]:
    """What is embedded of an answer."""
    return answer.text, answer.reference


@metric("Similarity", unit="cosine, −1 to 1", bounds=(-1.0, 1.0), texts=answer_and_reference)
def similarity(answer: Answer, embeddings: Embeddings | None) -> Parts:
    """Cosine of the sentence embeddings of the answer and the reference answer: closeness in
    meaning. Unrelated texts get about 0 to 0.2; an empty answer gets 0.
    """
    assert embeddings is not None  # Reimers and Gurevych 2019
    return (embeddings.cosine(answer.text, answer.reference),)
