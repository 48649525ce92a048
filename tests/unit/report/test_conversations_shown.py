"""Conversations in the report: by turn in a table, and complete and in order on the page."""

import json
from collections import defaultdict

import pytest

from papertune.pairfile import read_pairs
from papertune.records import Score, read_records
from papertune.report.answers import Explored
from sample_study import SETTINGS, make_study
from whole_study import make_conversations

WRITER = {
    "backend": "openai", "url": "http://127.0.0.1:9/v1", "model": "m", "follow_ups": True,
    "prompt": "workflow/prompts/follow_ups.txt",
}  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Each document's questions are a conversation of one writer; those of the other are none."""
    writers = SETTINGS["generators"] | {"extractive": WRITER}
    folder = tmp_path_factory.mktemp("talks")
    made = make_study(folder, metrics=["token_f1"], per_year=6, generators=writers)
    make_conversations(made, "extractive")
    return made


def test_the_table_has_the_mean_of_each_turn(study):
    path = study.layout.test_set("extractive")
    first = {pair.id for pair in read_pairs(path) if not pair.before}
    scores = [
        score
        for (model, _, test_set), file in study.layout.by_cell("scores").items()
        if (model, test_set) == ("full", "extractive")
        for score in read_records(file, Score)
    ]
    own = [score.values["token_f1"] for score in scores if score.pair in first]
    assert 0 < len(own) < len(scores)
    lines = (study.tables / "turns.csv").read_text().splitlines()
    assert len(lines) == 1 + 3  # models; the other writer has no conversations
    [line] = [line for line in lines if "Full" in line]
    assert f",{sum(own) / len(own):.10g}," in line


def test_the_page_shows_the_turns_of_a_conversation_in_their_order(study, tmp_path):
    explored = Explored(study.layout, tmp_path / "explorer", budget=10**6)
    shown = json.loads(explored.pieces[0])["questions"]
    turns = defaultdict(list)
    for one in shown:
        turns[one["document"]].append(one.get("turn", 0))
    assert set(map(tuple, turns.values())) == {(0, 1, 2)}
