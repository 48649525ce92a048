"""How likely a model holds the reference answer."""

import math

import numpy as np

from papertune.metrics.metric import Embeddings, Parts, metric
from papertune.records import Answer


def combine_perplexity(sums: np.ndarray) -> np.ndarray:
    """exp(nats per token) of sums of shape (..., 2)."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return np.exp(sums[..., 0] / sums[..., 1])


@metric(
    "Perplexity",
    parts=("nll", "tokens"),
    combine=combine_perplexity,
    unit="1 or more",
    bounds=(1.0, math.inf),
    higher_is_better=False,
    digits=2,
    of_text=False,
)
def perplexity(answer: Answer, _: Embeddings | None) -> Parts | None:
    """How surprised the model is by the reference answer: exp of the mean negative log-likelihood
    per token. Comparable only between models with the same tokenizer.
    """
    if not answer.reference_tokens:
        return None
    return (answer.reference_nll, float(answer.reference_tokens))
