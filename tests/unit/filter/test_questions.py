"""Unrelated questions: from tables, and from another experiment."""

import csv
import os
import subprocess
import sys

import pytest

from hub_server import REVISION, hub_answer
from loopback import serving
from papertune.errors import CollectError
from papertune.filter.questions import LONGEST, Asked, list_unrelated
from papertune.pairfile import write_pairs
from papertune.records import Pair, Rejection, read_records
from papertune.study.settings import UnrelatedStudy, UnrelatedTable
from snakemake_run import ROOT

ROWS = [
    {"question": "Who wrote Hamlet?", "topic": "plays", "kind": "quiz"},
    {"question": "  ", "topic": "plays", "kind": "quiz"},
    {"question": "When?", "topic": "", "kind": "quiz"},
    {"question": "x" * (LONGEST + 1), "topic": "a", "kind": "quiz"},
    {"question": "Buy now!", "topic": "a", "kind": "spam"},
    {"question": "Why is the sky blue?", "topic": "plays", "kind": "quiz"},
]


@pytest.fixture
def listed(tmp_path):
    def run(against, **more):
        output, rejected = tmp_path / "out.jsonl", tmp_path / "rejected.jsonl"
        list_unrelated(against, output=output, rejected=rejected, **more)
        return list(read_records(output, Asked)), list(read_records(rejected, Rejection))

    return run


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "others.csv"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ROWS[0])
        writer.writeheader()
        writer.writerows(ROWS)
    return lambda **more: UnrelatedTable(kind="table", path=str(path), **more)


def test_each_row_is_a_document_of_its_own_or_its_groups(table, listed):
    kept, left = listed(table())
    assert len(kept) + len(left) == len(ROWS) and len({one.document for one in kept}) == 4
    assert [one.reason for one in left] == ["no_question", "too_long"]
    kept, _ = listed(table(group="topic"))
    assert [one.document for one in kept] == ["group:plays", "row:4", "group:a", "group:plays"]


def test_rows_are_chosen_and_counted_from_the_beginning(table, listed):
    kept, left = listed(table(where={"kind": "quiz"}, limit=3))
    assert [one.question for one in kept] == [ROWS[n]["question"] for n in (0, 2, 5)]
    kept, left = listed(table(limit=2))
    assert (len(kept), len(left)) == (2, 1)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"column": "qestion"}, "did you mean 'question'"),
        ({"group": "no"}, "'no'"),
        ({"where": {"kind": "none"}}, "no question"),
    ],
)
def test_what_the_table_does_not_have_is_an_error_that_names_it(table, listed, how, said):
    with pytest.raises(CollectError) as error:
        listed(table(**how))
    assert said in str(error.value) and "others.csv" in str(error.value)


def test_another_experiments_questions_keep_their_documents(tmp_path, listed):
    pair = Pair("a", "paper", 2000, "", "", "What is it?", "b", "c")
    later = Pair("d", "paper", 2000, "", "", "And why?", "e", "c", before=[["f", "g"]])
    write_pairs(tmp_path / "pairs.parquet", [pair, later])
    against = UnrelatedStudy(kind="experiment", experiment="other", generator="rules")
    kept, left = listed(against, pairs=tmp_path / "pairs.parquet")
    assert kept == [Asked("a", "paper", "What is it?")]
    assert [(one.key, one.reason) for one in left] == [("d", "follow_up")]


CODE = """
import sys
from papertune.errors import CollectError
from papertune.filter.questions import list_unrelated
from papertune.study.settings import UnrelatedDataset
for column in ("q.text", "question"):
    against = UnrelatedDataset(
        kind="hub_dataset", dataset="owner/quiz", revision=sys.argv[1], column=column, group="topic"
    )
    try:
        list_unrelated(against, output="out.jsonl", rejected="rejected.jsonl")
    except CollectError as error:
        print(error)
"""


@pytest.mark.slow
def test_a_data_set_of_the_hub_is_read_as_a_table_is(tmp_path):
    lines = b'{"q": {"text": "Why?"}, "topic": "a"}\n{"q": {"text": ""}, "topic": "b"}\n'
    files = {"owner/quiz": {"lines.jsonl": lines}}
    with serving(lambda handler: hub_answer(handler, files)) as server:
        hub = {"HF_ENDPOINT": server.url(), "HF_HOME": str(tmp_path / "hub")}
        own = {**hub, "HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(ROOT / "workflow/scripts")}
        own |= {"HF_HUB_OFFLINE": "0", "HF_DATASETS_OFFLINE": "0"}
        run = subprocess.run(
            [sys.executable, "-c", CODE, REVISION],
            capture_output=True, text=True, env=os.environ | own, timeout=300, cwd=tmp_path,
        )  # fmt: skip
    assert not run.returncode, run.stderr
    assert "owner/quiz" in run.stdout and "'question'" in run.stdout
    kept = list(read_records(tmp_path / "out.jsonl", Asked))
    assert [(one.question, one.document) for one in kept] == [("Why?", "group:a")]
    left = list(read_records(tmp_path / "rejected.jsonl", Rejection))
    assert [one.reason for one in left] == ["no_question"]
