"""Compute the matrix, the contrasts between writers, and the variances from files of scores."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from papertune.jobs import stopping
from papertune.scores.matrix import Cell, make_matrix
from papertune.scores.power import Spread, remember, spreads
from papertune.scores.rows import write_rows
from papertune.scores.sums import Measured, measured
from papertune.scores.writers import Contrast, contrasts
from papertune.study.design import Design


@stopping.at_once()
def compare(
    scores: Mapping[tuple[str, int, str], str | Path],
    design: Design,
    *,
    matrix: str | Path,
    writers: str | Path | None = None,
    spread: str | Path | None = None,
    store: str | Path | None = None,
    without: Collection[str] = (),
) -> list[Cell]:
    """Write the tables of an experiment as CSV, a line per row and a column per field.

    Args:
        scores: (model, seed, test set) → JSONL of scores.
        matrix: The output file of :class:`Cell` rows; ``writers`` is that of :class:`Contrast` and
            ``spread`` that of :class:`Spread`.
        store: The store that keeps spreads for planning later studies.
        without: Ids of documents to leave out.

    Raises:
        EvaluationError: no scores, or scores of different questions within a test set.
    """
    judged: list[Measured] = []
    spread_of: list[Spread] = []

    def by_set() -> Iterator[list[Measured]]:
        for found in measured(scores, design.metrics, design.baselines, without):
            judged.extend(one for one in found if one.metric == design.comparison.metric)
            spread_of.extend(spreads(found, design))
            yield found

    cells = make_matrix(by_set(), design)
    write_rows(matrix, cells, Cell)
    if writers:
        write_rows(writers, contrasts(judged, cells, design), Contrast)
    if spread:
        write_rows(spread, spread_of, Spread)
    if store:
        remember(store, spread_of)
    return cells
