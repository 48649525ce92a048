"""What the embedders could read, and how close texts are to them by chance."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from papertune.metrics import metric_named
from papertune.metrics.meaning import MOST_UNKNOWN
from papertune.records import Score, read_records
from papertune.scores.matrix import Cell
from papertune.scores.sums import ALL_YEARS


def with_readings(
    cells: Sequence[Cell], scores: Mapping[tuple[str, int, str], str | Path]
) -> list[Cell]:
    """Cells of all years with ``unread``, ``chance`` and ``chance_sd``, where a metric has them.

    Args:
        scores: (model, seed, test set) → JSONL of scores.
    """
    names = [name for name in dict.fromkeys(c.metric for c in cells) if metric_named(name).texts]
    unread: dict[tuple[str, str, str], int] = {}
    chance: dict[tuple[str, str, str], tuple[float, float]] = {}
    for (model, _, test_set), path in scores.items() if names else ():
        every = [score.values for score in read_records(path, Score)]
        for name in names:
            key = model, test_set, name
            not_read = sum((one.get(f"{name}.unread") or 0.0) > MOST_UNKNOWN for one in every)
            unread[key] = unread.get(key, 0) + not_read
            found = [value for one in every if (value := one.get(f"{name}.chance")) is not None]
            if found:
                chance[key] = (float(np.mean(found)), float(np.std(found)))
    told = []
    for cell in cells:
        key = cell.model, cell.test_set, cell.metric
        if cell.year == ALL_YEARS and key in unread:
            mean, spread = chance.get(key, (None, None))
            cell = replace(cell, unread=unread[key], chance=mean, chance_sd=spread)
        told.append(cell)
    return told
