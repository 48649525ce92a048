"""A conversation is asked turn by turn, each question after the model's own answers; kept and resumed."""

import sys
from dataclasses import replace

import pytest

from papertune.answering import inference
from papertune.answering.inference import answer
from papertune.answering.kept import key_of
from papertune.answering.questions import choose_questions
from papertune.answering.task import Task
from papertune.identity import digest
from papertune.pairfile import read_pairs, write_pairs
from papertune.records import Answer, Pair, pair_id, read_records
from papertune.study.prompts import answer_prompt
from papertune.study.settings import Answering
from papertune.study.splits import HeldOut
from snakemake_run import ROOT
from tiny_models import make_model

SCRIPT = f"{sys.executable} {ROOT / 'tests/model_server.py'} $model --port $port"
PROMPT = "$instruction\nQuestion: $question\nAnswer:"


def talk(document: str, turns: int) -> list[Pair]:
    said, found = [], []
    for number in range(turns):
        question, reference = f"what does {document} save {number}", f"energy {number}"
        key = pair_id(document, question, reference)
        about = (document, 2020, "read", "", question, reference, "g")
        found.append(Pair(key, *about, before=[*said]))
        said.append([question, reference])
    return found


# of other lengths, and one question alone
PAIRS = [*talk("a", 3), *talk("b", 1), *talk("c", 2), *talk("d", 3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model"), context=512)


@pytest.fixture
def run(tmp_path, folder):
    def asked(items=PAIRS, name="answers", store="store", shards=1, task=None, **how):
        write_pairs(test_set := tmp_path / "test.parquet", items)
        answering = Answering(**{"max_new_tokens": 6} | how)
        made = {"model": folder, "prompt": PROMPT} | (task or {})
        task = Task(test_set=test_set, answering=answering, **made)
        output = tmp_path / f"{name}.jsonl"
        given = {"store": tmp_path / store, "identity": {"model": "m"}, "shards": shards}
        return answer(task, output=output, **given), list(read_records(output, Answer))

    return asked


def test_each_turn_is_asked_after_the_models_own_answers(run, folder, monkeypatch):
    read = []
    real = Task.read

    def reading(task, form, places, fit):
        places = list(places)
        every = list(read_pairs(task.test_set))
        read.extend(str(answer_prompt(task.prompt, every[place])) for place in places)
        return real(task, form, places, fit)

    monkeypatch.setattr(Task, "read", reading)
    asked, answers = run()
    assert asked == len(PAIRS) and [one.pair for one in answers] == [one.id for one in PAIRS]
    own = {one.pair: one.text for one in answers}
    for pair in PAIRS:
        first = [one for one in PAIRS if one.document == pair.document][: len(pair.before)]
        said = [[one.question, own[one.id]] for one in first]
        assert str(answer_prompt(PROMPT, replace(pair, before=said))) in read
    # what was said before is the model's, and no reference
    assert not any("energy" in text for text in read)


def test_what_was_answered_is_in_the_store_and_a_killed_run_goes_on(run, monkeypatch):
    whole = run()[1]
    assert run(name="again") == (0, whole)
    more = run([*PAIRS, *talk("e", 2)], name="more")
    assert more[0] == 2 and more[1][: len(whole)] == whole
    real, batches = inference.answers, []

    def killed(*arguments, **how):
        batches.append(1)
        if len(batches) == 2:  # in the second turn
            raise KeyboardInterrupt
        return real(*arguments, **how)

    monkeypatch.setattr(inference, "answers", killed)
    with pytest.raises(KeyboardInterrupt):
        run(name="killed", store="other")
    monkeypatch.setattr(inference, "answers", real)
    asked, answers = run(name="killed", store="other")
    assert asked == sum(1 for pair in PAIRS if pair.before) and answers == whole


def test_where_an_earlier_turn_is_not_asked_its_reference_stands(run):
    alone = [PAIRS[2]]
    (answered,) = run(alone)[1]
    [same] = run([replace(PAIRS[2], before=[], question=PAIRS[2].question)], name="n", store="o")[1]
    assert answered.pair == same.pair and answered.reference_nll != same.reference_nll


@pytest.mark.slow
@pytest.mark.parametrize("how", [{"shards": 2}, {"engine": "server", "serve": SCRIPT}])
def test_several_processes_and_a_server_ask_the_same(run, tmp_path, how):
    many = [pair for number in range(5) for pair in talk(f"doc{number}", 1 + number % 3)]
    asked, whole = run(many, batch_size=2)
    assert run(many, name="other", store="other", batch_size=2, **how)[0] == asked == len(many)
    if "shards" in how:
        assert (tmp_path / "other.jsonl").read_bytes() == (tmp_path / "answers.jsonl").read_bytes()
        return
    # the script's answer is the tokens that it was sent
    other = list(read_records(tmp_path / "other.jsonl", Answer))
    assert [one.pair for one in other] == [one.pair for one in whole]
    own = {one.pair: one.text for one in other}
    pair = max(many, key=lambda one: len(one.before))
    before = [
        one for one in many if one.document == pair.document and len(one.before) < len(pair.before)
    ]
    assert len({own[one.id] for one in [*before, pair]}) == len(pair.before) + 1


@pytest.mark.parametrize("of", [0, 1])
def test_turns_without_room_count_as_empty_answers_and_the_others_go_on(run, of):
    said = PAIRS[:3]
    said[of] = long = replace(said[of], question="energy " * 600)
    for later in range(of + 1, 3):
        before = [*said[later].before]
        before[of] = [long.question, long.answer]
        said[later] = replace(said[later], before=before)
    asked = [*said, PAIRS[3]]
    told = run(asked)[1]
    assert [one.prompt for one in told] == [
        *["whole"] * of, "too_long", *["cut"] * (2 - of), "whole"
    ]  # fmt: skip
    assert not told[of].text and all(one.reference_tokens for one in told if one is not told[of])


def test_what_looks_like_a_conversation_is_another_question_and_stored_answers_stay():
    turn = replace(PAIRS[1], before=[["what is energy", "it is saved"]])
    text = str(answer_prompt("$question", turn))
    alone = replace(turn, question=text, before=[])
    assert str(answer_prompt("$question", alone)) == text
    assert key_of("$question", turn) != key_of("$question", alone) == digest([text, turn.answer])
    other = replace(turn, before=[["what is energy", "it is spent"]])
    assert key_of("$question", turn) != key_of("$question", other)


def test_a_conversation_stays_in_one_split_and_is_cut_at_its_end(tmp_path):
    many = [pair for number in range(60) for pair in talk(f"doc{number}", 3)]
    held = [pair for pair in many if HeldOut(held=True, share=0.4)(pair.conversation)]
    documents = {pair.document for pair in held}
    assert 10 < len(documents) < 40 and len(held) == 3 * len(documents)
    write_pairs(tmp_path / "p.parquet", many)
    assert choose_questions(tmp_path / "p.parquet", output=tmp_path / "c.parquet", most=10) == 10
    chosen = list(read_pairs(tmp_path / "c.parquet"))
    for pair in chosen:
        earlier = [
            one
            for one in chosen
            if one.document == pair.document and len(one.before) < len(pair.before)
        ]
        assert len(earlier) == len(pair.before)
