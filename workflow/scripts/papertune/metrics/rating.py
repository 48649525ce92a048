"""People's ratings of answers to probes; read from their files, never measured."""

from papertune.metrics.metric import Embeddings, Parts, metric
from papertune.records import Answer

NAME, LOWEST, HIGHEST = "rating", 1, 5


@metric(
    "Rating",
    unit=f"{LOWEST} to {HIGHEST}",
    bounds=(float(LOWEST), float(HIGHEST)),
    digits=2,
    of_text=False,
    by_people=True,
)
def rating(answer: Answer, _: Embeddings | None) -> Parts | None:
    """Mean rating of an answer by people who did not know which model wrote it, from 1 (useless)
    to 5 (as good as can be).
    """
    return None
