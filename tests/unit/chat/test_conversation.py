"""A model in the chat reads the same form as in training, and answers as in the study."""

from dataclasses import replace
from itertools import islice

import pytest

from chat_study import HOSTILE, SETTINGS, TITLES
from papertune.answering.generation import Sampling
from papertune.answering.inference import answer
from papertune.answering.task import Task
from papertune.chat.conversation import Answerer, Conversation, Loaded
from papertune.errors import PapertuneError
from papertune.pairfile import write_pairs
from papertune.records import Answer, Pair, read_records
from papertune.study.passing import answering_of
from papertune.study.prompts import QUESTION

MODELS = SETTINGS["models"] | {"baseline": {"base": "small", "method": "baseline"}}
ASKED = {"variant": "qa"}


def study_task(choices, model, test_set, template):
    """What the rule `answer` gives the library, of a model's first seed."""
    study, layout = choices.study, choices.layout
    folder, base = layout.model(model, 1), layout.base(model)
    return Task(
        model=folder, base=None if folder == base else base, test_set=test_set, prompt=template,
        asked=study.models[model].examples.asked, answering=answering_of(study, "rules"),
    )  # fmt: skip


@pytest.mark.parametrize("changes", [{}, {"examples": ASKED}], ids=["prompt", "question"])
@pytest.mark.parametrize("book", ["open", "closed"])
@pytest.mark.parametrize("model", ["full", "lora"])
def test_it_reads_and_answers_as_answering_does(choices, tmp_path, model, book, changes):
    models = SETTINGS["models"] | {model: SETTINGS["models"][model] | changes}
    there = choices(models=models)
    about = there.find("tern")[0] if book == "open" else None
    talk = Conversation(there, model, 1, about)
    assert (talk.template == QUESTION) == (book == "closed" or bool(changes))
    text = there.text(about) if about else ""
    first = Pair("p", "d", 2010, there.study.instruction, text, "What is cache 1?", "red", "rules")
    list(talk.ask(first.question, loaded := Loaded()))
    list(talk.ask("And cache 2?", loaded))
    names = (there.study.baseline_of(model), model)
    for place, (side, name) in enumerate(zip(talk.sides, names, strict=True)):
        one = loaded(side, talk.sides)
        said = [answers[place] for _, answers in talk.turns]
        second = replace(first, id="q", question="And cache 2?", before=[[first.question, said[0]]])
        write_pairs(path := tmp_path / f"{place}.parquet", [first, second])
        task = study_task(there, name, path, talk.template)
        tokens = [read for read, _ in task.read(task.form(), [0, 1], task.fit(one.model.config))]
        before = replace(talk, turns=talk.turns[:1])
        assert one.read(talk.template, before.pair("And cache 2?", place), 64).tokens == tokens[1]
        output = tmp_path / f"{place}.jsonl"
        answer(task, output=output, store=tmp_path / f"store-{place}", identity={"model": name})
        assert [one.text for one in read_records(output, Answer)] == said


def test_what_was_trained_and_what_it_is_held_against_answer_side_by_side(choices):
    there = choices()
    talk = Conversation(there, "full", 2)
    assert [side.label for side in talk.sides] == ["the base", "all weights, seed 2"]
    last = list(talk.ask("What is cache 3?", Loaded()))[-1]
    assert last.answers[1] == HOSTILE and last.answers[0] not in ("", HOSTILE)
    assert "lets this question pass (p = 0.88" in last.note
    assert "not be answered: unrelated (p = 0.12" in there.filtered("a tern?")


def test_a_model_that_others_are_held_against_stands_beside_its_base(choices):
    there = choices(comparison={"baseline": "full"})
    labels = [[side.label for side in there.sides(name, 1)] for name in ("full", "lora")]
    assert labels == [
        ["its base", "all weights, seed 1"],
        ["all weights, seed 1", "adapters, seed 1"],
    ]


def test_an_answer_comes_as_it_grows_and_ends_with_who_listens(choices):
    one = Answerer(choices().sides("full", 1)[1])
    talk = Conversation(choices(), "full", 1)
    asked = one.read(talk.template, talk.pair("What is cache 3?", 1), 64)
    grown = list(one.answer(talk.template, asked, Sampling(64)))
    assert grown[-1] == HOSTILE and len(grown) > 10
    assert all(HOSTILE.startswith(text) for text in grown)
    steps = []
    one.model.register_forward_hook(lambda *_: steps.append(1))
    going = one.answer(talk.template, asked, Sampling(10_000))
    list(islice(going, 3))
    going.close()
    assert len(steps) < len(grown)


def test_a_question_that_the_model_has_no_room_for_is_refused_and_forgotten(choices):
    talk = Conversation(choices(), "full", 1)
    with pytest.raises(PapertuneError, match="too long for the model, which has room for 320"):
        list(talk.ask("why " * 1000, Loaded()))
    assert talk.turns == []


def test_what_a_long_document_loses_is_said(choices, folder):
    there = choices()
    long = there.find("Energy")[0]
    there.text = lambda one: "Cache 3 is grey. " * 100
    talk = Conversation(there, "full", 1, long)
    last = list(talk.ask("What is it?", Loaded()))[-1]
    assert "all weights, seed 1 has no room for the end of the document." in last.note


def test_documents_are_found_by_words_of_their_titles_and_years(choices):
    there = choices()
    assert [one.title for one in there.find("")] == TITLES
    assert [one.year for one in there.find("MISSES cache")] == [2011]
    assert [one.year for one in there.find("2012")] == [2012]
    assert there.find("nowhere") == []
    assert there.text(there.find("2010")[0]).startswith("Cache 2010 is grey.")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ful", "no model 'ful' .did you mean 'full'"),
        ("baseline", "is not trained"),
        ("frozen", "is not finished"),
    ],
)
def test_a_model_that_cannot_be_asked_is_told_with_what_can(choices, name, said):
    frozen = {"base": "small", "method": "freeze", "freeze": {"first": 1}}
    there = choices(models=SETTINGS["models"] | {"frozen": frozen})
    assert there.model("") == "full" and there.models == {"full": [1, 2], "lora": [1]}
    with pytest.raises(PapertuneError, match=said) as refused:
        there.model(name)
    assert "finished are full, lora" in refused.value.hint
    with pytest.raises(PapertuneError, match="no seed 3") as refused:
        there.seed("full", 3)
    assert refused.value.hint == "finished are 1, 2"
