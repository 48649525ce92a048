"""Scores of a study for Inspect: its ``precomputed_scores`` give them to the samples of a log.

Each test set is a file of samples, ``SET.jsonl`` (id, input, target), and each model and seed one of
scores, ``MODEL_seed-N_SET.jsonl``, whose ids are those of the samples.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from papertune.files import atomic_write
from papertune.owned import make_folder
from papertune.records import Answer, Score, read_records
from papertune.study.layout import Layout


def write_inspect(layout: Layout, folder: Path) -> list[Path]:
    """Write the samples and scores of all finished cells; returns the files of scores.

    Only metrics with a value for each answer are written.
    """
    make_folder(folder)
    answers, written = layout.by_cell("answers"), []
    for cell, path in layout.by_cell("scores").items():
        model, seed, test_set = cell
        if test_set not in layout.experiment.usual_sets or not Path(path).exists():
            continue
        said = {one.pair: one for one in read_records(Path(answers[cell]), Answer)}
        scores = list(read_records(Path(path), Score))
        metrics = [
            name
            for name in layout.experiment.scored
            if all(one.values.get(name) is not None for one in scores)
        ]
        samples = (
            {"id": one.pair, "input": one.question, "target": one.reference}
            for one in said.values()
        )
        _write(folder / f"{test_set}.jsonl", samples)
        file = folder / f"{model}_seed-{seed}_{test_set}.jsonl".replace("/", "_")
        records = (
            {
                "id": one.pair,
                "value": {name: one.values[name] for name in metrics},
                "answer": said[one.pair].text,
            }
            for one in scores
        )
        _write(file, records)
        written.append(file)
    return written


def _write(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    with atomic_write(path) as stream:
        stream.writelines(json.dumps(one) + "\n" for one in records)
