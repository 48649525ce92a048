"""A conversation is asked turn by turn, each question after the model's own answers; kept and resumed."""

from dataclasses import replace

import pytest

from papertune.answering import inference
from papertune.answering.inference import Task, answer
from papertune.answering.questions import choose_questions
from papertune.pairfile import read_pairs, write_pairs
from papertune.records import Answer, Pair, pair_id, read_records
from papertune.study.prompts import answer_prompt
from papertune.study.settings import Answering
from papertune.study.splits import HeldOut
from tiny_models import make_model

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
    def asked(items=PAIRS, name="answers", store="store", **how):
        write_pairs(test_set := tmp_path / "test.parquet", items)
        answering = Answering(max_new_tokens=6, **how)
        task = Task(model=folder, test_set=test_set, prompt=PROMPT, answering=answering)
        output = tmp_path / f"{name}.jsonl"
        given = {"store": tmp_path / store, "identity": {"model": "m"}}
        return answer(task, output=output, **given), list(read_records(output, Answer))

    return asked


def test_each_turn_is_asked_after_the_models_own_answers(run, folder, monkeypatch):
    read = []
    real = inference.Task.read

    def reading(task, form, places, fit):
        places = list(places)
        every = list(read_pairs(task.test_set))
        read.extend(str(answer_prompt(task.prompt, every[place])) for place in places)
        return real(task, form, places, fit)

    monkeypatch.setattr(inference.Task, "read", reading)
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
