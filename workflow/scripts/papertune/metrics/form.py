"""What can be said of an answer without knowing what it says."""

from papertune.metrics.metric import Embeddings, Parts, metric
from papertune.records import Answer


@metric("Repetition", higher_is_better=False)
def repetition(answer: Answer, _: Embeddings | None) -> Parts:
    """Share of an answer's sequences of four words that repeat an earlier one. Answers of fewer
    than four words repeat nothing.
    """
    words = answer.text.lower().split()
    grams = list(zip(*(words[start:] for start in range(4)), strict=False))
    return (1 - len(set(grams)) / len(grams) if grams else 0.0,)
