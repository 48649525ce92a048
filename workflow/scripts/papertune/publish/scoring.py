"""Load the questions of a task for lm-evaluation-harness, and score their answers.

A copy of this file is written beside the tasks, so it imports nothing of the project.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def questions(file: str, **_: Any) -> dict[str, Any]:
    """The questions in a file beside this one, as the split ``test``."""
    from datasets import Dataset

    lines = Path(__file__).with_name(file).read_text(encoding="utf-8").split("\n")
    return {"test": Dataset.from_list([json.loads(line) for line in lines if line])}


def answered(doc: dict[str, Any], results: Sequence[str]) -> dict[str, float]:
    """ROUGE-L (F1, no stemming) of an answer, without blanks around it."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    return {"rouge_l": float(scorer.score(doc["reference"], results[0].strip())["rougeL"].fmeasure)}


def likely(doc: dict[str, Any], results: Any) -> dict[str, tuple[float, int]]:
    """The log-likelihood of a reference answer, and its bytes."""
    likelihood, _ = results[0] if isinstance(results, list) else results
    return {"bits_per_byte": (likelihood, len(doc["reference"].encode()))}
