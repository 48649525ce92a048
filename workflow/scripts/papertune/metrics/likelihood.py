"""Likelihood of the reference answer under a model: per token, character or byte.

Models with different tokenizers are comparable per character or byte only. If a reference did not
fit into the context, the part that was read counts.
"""

import math
from typing import Any

import numpy as np

from papertune.metrics.metric import Embeddings, Parts, metric
from papertune.records import Answer

# not a metric of the answer's text; the same settings for all metrics based on exp
LIKELIHOOD: dict[str, Any] = {"higher_is_better": False, "digits": 2, "of_text": False}


def combine_perplexity(sums: np.ndarray) -> np.ndarray:
    """exp(nats per token), from sums of shape (..., 2)."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return np.exp(sums[..., 0] / sums[..., 1])


def combine_bits(sums: np.ndarray) -> np.ndarray:
    """Bits per byte, from sums of shape (..., 2)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[..., 0] / sums[..., 1] / math.log(2)


@metric(
    "Perplexity",
    parts=("nll", "tokens"),
    combine=combine_perplexity,
    unit="1 or more",
    bounds=(1.0, math.inf),
    **LIKELIHOOD,
)
def perplexity(answer: Answer, _: Embeddings | None) -> Parts | None:
    """How surprised the model is by the reference answer: exp of the mean negative log-likelihood
    per token. Comparable only between models with the same tokenizer.
    """
    if not answer.reference_tokens:
        return None
    return (answer.reference_nll, float(answer.reference_tokens))


@metric(
    "Perplexity per character",
    parts=("nll", "characters"),
    combine=combine_perplexity,
    unit="1 or more",
    bounds=(1.0, math.inf),
    **LIKELIHOOD,
)
def character_perplexity(answer: Answer, _: Embeddings | None) -> Parts | None:
    """How surprised the model is by the reference answer: exp of the mean negative log-likelihood
    per character, whatever the tokens are, so that models with different tokenizers can be
    compared.
    """
    read = _read(answer)
    return (answer.reference_nll, float(len(read))) if read else None


@metric(
    "Bits per byte",
    parts=("nll", "bytes"),
    combine=combine_bits,
    unit="bits",
    bounds=(0.0, math.inf),
    **LIKELIHOOD,
)
def bits_per_byte(answer: Answer, _: Embeddings | None) -> Parts | None:
    """Bits that the model needs per byte (UTF-8) of the reference answer; comparable between models
    with different tokenizers, and between scripts.
    """
    read = _read(answer).encode("utf-8", "replace")
    return (answer.reference_nll, float(len(read))) if read else None


def _read(answer: Answer) -> str:
    """The part of the reference that the likelihood covers."""
    return answer.reference[: answer.reference_read] if answer.reference_tokens else ""
