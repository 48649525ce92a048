"""All answers for the explorer: complete, each text once, and pieces that are plain data."""

import json
import re
from dataclasses import replace

import pytest

from papertune.answering.probes import ProbePair
from papertune.pairfile import read_pairs, write_pairs
from papertune.records import Answer, Score, read_records, write_records
from papertune.report.answers import CUT, EMPTY, IN_PART, Explored
from sample_study import make_study

HOSTILE = "</script><script>window.pwned=1</script>\u2028\u2029');alert(1)//__proto__"


def explored(study, folder, budget=10**7):
    return Explored(study.layout, folder, budget=budget)


def questions_of(pieces):
    return [one for piece in pieces for one in json.loads(piece)["questions"]]


def test_every_answer_of_every_model_and_seed_is_there_with_all_its_values(study, tmp_path):
    made = explored(study, tmp_path)
    index, shown = made.index(), questions_of(made.pieces)
    names = [*study.experiment.models]
    runs = [(names[model], seed) for model, seed in index["runs"]]
    places = {
        (study.experiment.test_set_names[n], pair): row
        for row, (n, pair) in enumerate(zip(index["set"], index["pairs"], strict=True))
    }
    assert len(places) == len(shown) > 0
    looked = 0
    for (model, seed, test_set), path in study.layout.by_cell("answers").items():
        run = runs.index((model, seed))
        scores = study.layout.by_cell("scores")[model, seed, test_set]
        for answer, score in zip(
            read_records(path, Answer), read_records(scores, Score), strict=True
        ):
            row = places[test_set, answer.pair]
            one = shown[row]
            assert one["texts"][one["said"][run]] == answer.text
            assert (one["question"], one["reference"]) == (answer.question, answer.reference)
            assert bool(index["flags"][run][row] & CUT) == answer.truncated
            for name, (_, digits, _), values in zip(
                study.experiment.scored, index["metrics"], one["values"], strict=True
            ):
                value = values[run] if isinstance(values, list) else values
                known = score.values.get(name)
                if known is None:
                    assert value is None
                else:
                    assert value == pytest.approx(known, abs=0.51 * 10**-digits) or value == 1e308
            looked += 1
    assert looked == len(runs) * len(shown)
    assert all(len(set(one["texts"])) == len(one["texts"]) for one in shown)


def test_a_text_has_the_id_by_which_ratings_are_kept(study, tmp_path):
    made = explored(study, tmp_path)
    pairs = {pair.id: pair for pair in read_pairs(study.layout.test_set("cloze"))}
    for pair, one in zip(made.columns["pairs"], questions_of(made.pieces), strict=True):
        if pair in pairs and "____" in one["question"]:
            own = ProbePair("", "test", pairs[pair])
            assert one["ids"] == [own.text_id(text) for text in one["texts"]]


def test_beyond_the_budget_pieces_lie_in_the_folder_and_those_of_before_are_gone(study, tmp_path):
    held = explored(study, tmp_path)
    assert held.pieces and not held.index()["beside"] and not list(tmp_path.iterdir())
    (tmp_path / "77.js").write_text("of before")
    made = explored(study, tmp_path, budget=0)
    assert made.index()["beside"] and not made.pieces
    files = [tmp_path / f"{n}.js" for n in range(len(made.starts))]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    for number, (path, piece) in enumerate(zip(files, held.pieces, strict=True)):
        assert path.read_text() == f"papertuneAnswers({number},{piece})\n"
    assert explored(study, tmp_path).pieces == held.pieces and not list(tmp_path.iterdir())


def test_a_piece_is_one_call_with_data_whatever_an_answer_says(tmp_path):
    study = make_study(tmp_path / "s", metrics=["token_f1"], per_year=3, hostile=HOSTILE)
    explored(study, tmp_path / "explorer", budget=0)
    for path in (tmp_path / "explorer").glob("*.js"):
        text = path.read_text()
        assert not set("<>&\u2028\u2029") & set(text) and text.count("\n") == 1
        data = json.loads(re.fullmatch(r"papertuneAnswers\(\d+,(.*)\)\n", text)[1])
        assert any(HOSTILE in one for item in data["questions"] for one in item["texts"])


def test_flags_say_what_became_of_an_answer(tmp_path):
    study = make_study(tmp_path / "s", metrics=["token_f1"], per_year=3)
    path = study.layout.by_cell("answers")["full", 1, "cloze"]
    first, second, *rest = read_records(path, Answer)
    first = replace(first, text=" ", truncated=False, prompt="too_long")
    write_records(path, [first, replace(second, truncated=True, prompt="whole"), *rest])
    made = explored(study, tmp_path / "explorer")
    run = made.index()["runs"].index([1, 1])
    flags = dict(zip(made.columns["pairs"], made.flags[run], strict=True))
    assert flags[first.pair] == EMPTY | IN_PART and flags[second.pair] == CUT


def test_a_question_is_unanswerable_where_its_reference_says_so(tmp_path):
    study = make_study(tmp_path / "s", metrics=["token_f1"], per_year=3)
    path = study.layout.test_set("cloze")
    first, second, third, *rest = read_pairs(path)
    changed = [replace(first, answer="Unanswerable."), replace(second, answer="")]
    write_pairs(path, [*changed, replace(third, answer="no answer was cached"), *rest])
    made = explored(study, tmp_path / "explorer")
    found = zip(made.columns["pairs"], made.columns["unanswerable"], strict=True)
    assert {pair for pair, said in found if said} == {first.id, second.id}


@pytest.mark.parametrize(
    ("metric", "wrong", "higher"), [("token_f1", 0.5, True), ("perplexity", None, False)]
)
def test_thresholds_are_half_of_the_best_or_the_median(tmp_path, metric, wrong, higher):
    study = make_study(tmp_path / "s", metrics=[metric], per_year=3)
    index = explored(study, tmp_path / "explorer").index()
    assert index["higher"] is higher
    if wrong is not None:
        assert index["wrong"] == index["apart"] == wrong
    else:
        values = sorted(one for run in index["scores"] for one in run)
        assert values[0] < index["wrong"] < values[-1]
