"""The metrics: what each one measures, and the parts from which matrix cells are computed."""

from papertune.metrics import (
    form,
    likelihood,
    meaning,
    overlap,
    programs,
    rating,
    repetition,
)
from papertune.metrics.metric import (
    METRICS,
    Embeddings,
    Metric,
    Parts,
    describe,
    metric_named,
    part_keys,
)

form.enter_in_form()

__all__ = [
    "METRICS",
    "Embeddings",
    "Metric",
    "Parts",
    "describe",
    "form",
    "likelihood",
    "meaning",
    "metric_named",
    "overlap",
    "part_keys",
    "programs",
    "rating",
    "repetition",
]
