"""Promise: conversations go from a table to a report by turn; a further one costs its own questions."""

import csv
import json
import re

import pytest

from end_to_end.conftest import write_study
from papertune.pairfile import read_pairs
from papertune.records import Answer, read_records
from papertune.report.counts import problems, read_counts
from papertune.study.experiment_file import load_experiment
from snakemake_run import snakemake
from tiny_models import make_model

pytestmark = pytest.mark.slow


def talk(number: int, turns: int) -> dict:
    said = [{"role": "system", "content": "Answer briefly."}]
    for turn in range(turns):
        said.append({"role": "user", "content": f"What does cache {number} save in year {turn}?"})
        said.append({"role": "assistant", "content": f"Cache {number} saves {turn} percent."})
    return {"talk": said, "n": str(number)}


def test_a_table_of_conversations_from_listing_to_report(tmp_path):
    base = make_model(tmp_path / "base", context=512)
    table = tmp_path / "talks.jsonl"
    rows = [talk(number, 1 + number % 3) for number in range(24)] + [{"talk": [], "n": "bad"}]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = {
        "source": {
            "kind": "pairs", "path": str(table), "columns": {"messages": "talk", "id": "n"}
        },
        "splits": {"test": 0.4, "validation": 0.2},
        "prompt": "workflow/prompts/task.txt",
        "generators": {"people": {"backend": "source"}},
        "bases": {"tiny": {"path": str(base)}},
        "training": {"max_steps": 4, "evaluations": 2, "batch_size": 4},
        "models": {
            "baseline": {"base": "tiny", "method": "baseline"},
            "full": {"base": "tiny", "method": "full"},
        },
        "answering": {"max_new_tokens": 6},
        "metrics": ["token_f1"],
        "comparison": {"metric": "token_f1"},
    }  # fmt: skip
    path = write_study(tmp_path, values, "talks")
    snakemake(tmp_path, "--config", f"experiments={path}")
    results = tmp_path / "results/talks"
    study = load_experiment(path)
    assert problems(read_counts(results / "tables/counts.csv"), study) == []
    asked = list(read_pairs(results / "datasets/people/test.parquet"))
    assert max(len(pair.before) for pair in asked) == 2
    for split in ("train", "validation", "test"):
        for pair in read_pairs(results / f"datasets/people/{split}.parquet"):
            assert len(pair.before) == int(pair.question[-2])
    with (results / "tables/turns.csv").open() as stream:
        turns = list(csv.DictReader(stream))
    assert (
        len(turns) == 2
        and {"Turn 1", "Turn 2", "Turn 3"} < {*turns[0]}
        and "Turn 4" not in turns[0]
    )
    page = (results / "report.html").read_text()
    assert "Turn by turn" in page and "no item was dropped in silence" in page
    # further conversations are asked alone
    with table.open("a") as stream:
        for number in range(100, 110):
            stream.write(json.dumps(talk(number, 2)) + "\n")
    cell = "answers/baseline/seed-0/people"
    snakemake(tmp_path, "--config", f"experiments={path}", "--", f"results/talks/{cell}.jsonl")
    more = len(list(read_pairs(results / "datasets/people/test.parquet"))) - len(asked)
    log = (tmp_path / f"logs/talks/{cell}.log").read_text()
    assert sum(map(int, re.findall(r"asked (\d+) questions", log))) == more > 0
    answers = [one.pair for one in read_records(results / f"{cell}.jsonl", Answer)]
    assert len(answers) == len(asked) + more
