"""Inspect reads the scores of a study, and computes its means."""

from pathlib import Path

import pytest

from chat_study import make_chat_study
from papertune.publish.inspection import write_inspect
from papertune.records import Answer, Score, write_records
from papertune.study.here import layout_of

VALUES = [0.25, 0.5, 1.0]


def test_inspect_comes_to_the_means_of_the_study(tmp_path, monkeypatch):
    inspect_ai = pytest.importorskip("inspect_ai", reason="inspect_ai is not installed")
    from inspect_ai.dataset import json_dataset
    from inspect_ai.scorer import mean, precomputed_scores

    make_chat_study(tmp_path)
    monkeypatch.chdir(tmp_path)
    layout = layout_of("talk")
    cell = ("full", 1, "rules")
    answers = [
        Answer(f"p{i}", f"d{i}", 2012, f"What is {i}?", "red", "green", 1.0, 1, 1, False)
        for i in range(len(VALUES))
    ]
    scores = [
        Score(f"p{i}", f"d{i}", 2012, {"token_f1": value, "exact_match": None})
        for i, value in enumerate(VALUES)
    ]
    write_records(Path(layout.by_cell("answers")[cell]), answers)
    write_records(Path(layout.by_cell("scores")[cell]), scores)
    [file] = write_inspect(layout, tmp_path / "inspect")
    assert file.name == "full_seed-1_rules.jsonl"

    task = inspect_ai.Task(
        dataset=json_dataset(str(tmp_path / "inspect/rules.jsonl")),
        solver=[],
        scorer=precomputed_scores(str(file), on_missing="error", metrics={"token_f1": [mean()]}),
    )
    [log] = inspect_ai.eval(
        task, model="mockllm/model", log_dir=str(tmp_path / "logs"), display="none"
    )
    assert log.status == "success", log.error
    [score] = log.results.scores
    assert score.metrics["mean"].value == pytest.approx(sum(VALUES) / len(VALUES))
