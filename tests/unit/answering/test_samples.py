"""Several answers to a question: each drawn independently, kept, and none drawn twice."""

import pytest

import tiny_training
from papertune.answering import samples
from papertune.answering.inference import answer
from papertune.answering.task import Task
from papertune.pairfile import write_pairs
from papertune.records import Answer, read_records
from papertune.study.settings import Answering
from tiny_models import make_model

PROMPT = "$instruction\nAbstract: $context\nQuestion: $question\nAnswer:"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("llama"), family="llama")


@pytest.fixture
def run(tmp_path, folder):
    """Has a model answer pairs into one store."""

    def asked(count, items=None, name="answers", **how):
        write_pairs(test_set := tmp_path / "test.parquet", items or tiny_training.pairs(0, 5))
        answering = Answering(max_new_tokens=12, temperature=0.8, samples=count, **how)
        task = Task(model=folder, test_set=test_set, prompt=PROMPT, answering=answering)
        output = tmp_path / f"{name}.jsonl"
        asked = answer(task, output=output, store=tmp_path / "store", identity={"model": "m"})
        return asked, list(read_records(output, Answer))

    return asked


def test_the_first_is_the_answer_and_more_leave_the_others_as_they_are(run, monkeypatch):
    _, one = run(1)
    assert [a.samples for a in one] == [[]] * 5
    asked, three = run(3)
    assert asked == 0  # the first ones were there
    assert [a.text for a in three] == [a.text for a in one] == [a.samples[0] for a in three]
    assert all(len(set(a.samples)) == 3 for a in three)
    wrote, generate = [], samples.generate
    monkeypatch.setattr(
        samples, "generate", lambda *a: wrote.extend(k for k, _ in a[2]) or generate(*a)
    )
    _, five = run(5)
    assert [a.samples[:3] for a in five] == [a.samples for a in three]
    assert sorted(int(key.rpartition(":")[2]) for key in wrote) == [3] * 5 + [4] * 5
    _, again = run(2)
    assert [a.samples for a in again] == [a.samples[:2] for a in three] and len(wrote) == 10


def test_a_batch_draws_as_one_at_a_time(run, tmp_path):
    _, batched = run(3, batch_size=64)
    (tmp_path / "store").rename(tmp_path / "other")
    _, single = run(3, batch_size=1)
    assert [a.samples for a in single] == [a.samples for a in batched]


def test_what_cannot_be_asked_has_empty_samples(run):
    items = tiny_training.pairs(0, 3)
    import dataclasses

    items[1] = dataclasses.replace(items[1], question="why " * 4000, check="pass", entry_point="f")
    _, answers = run(2, items)
    assert (answers[1].prompt, answers[1].samples) == ("too_long", ["", ""])
    assert (answers[1].check, answers[1].entry_point, answers[0].check) == ("pass", "f", "")
    assert all(len(a.samples) == 2 for a in answers)
