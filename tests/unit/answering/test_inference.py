"""Answering on tiny random models: batches change nothing, the store is used, the facts are right."""

import logging
import re
from dataclasses import replace

import pytest
import torch

import tiny_training
from papertune.answering import generation, inference
from papertune.answering.batching import batches
from papertune.answering.decoding import row_sampler
from papertune.answering.generation import Sampling, generate, reference_nll
from papertune.answering.inference import answer
from papertune.answering.task import Task
from papertune.errors import PapertuneError
from papertune.examples.tokens import encode
from papertune.jobs import progress
from papertune.models.loading import load_model, load_tokenizer
from papertune.pairfile import write_pairs
from papertune.records import Answer, read_records
from papertune.study.settings import Answering
from tiny_models import make_model

PROMPT = "$instruction\nAbstract: $context\nQuestion: $question\nAnswer:"


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def folder(request, tmp_path_factory):
    return make_model(tmp_path_factory.mktemp(request.param), family=request.param)


@pytest.fixture
def loaded(folder):
    return load_model(folder), load_tokenizer(folder)


def pairs(count=9):
    """Of other lengths each."""
    return [
        replace(p, context=p.context * (1 + n * 5 % 3), answer=f"{p.answer} " * (1 + n % 4))
        for n, p in enumerate(tiny_training.pairs(0, count))
    ]


@pytest.fixture
def run(tmp_path, folder):
    """Has a model answer pairs; gives how many were asked, and all answers."""

    def asked(items, name="answers", identity=None, **how):
        write_pairs(test_set := tmp_path / "test.parquet", items)
        answering = Answering(**{"max_new_tokens": 12, **how})
        task = Task(model=folder, test_set=test_set, prompt=PROMPT, answering=answering)
        output, store = tmp_path / f"{name}.jsonl", tmp_path / f"store-{name}"
        count = answer(task, output=output, store=store, identity=identity or {"model": "m"})
        return count, list(read_records(output, Answer))

    return asked


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_batch_answers_as_one_question_at_a_time(run, temperature):
    _, single = run(pairs(), "one", batch_size=1, temperature=temperature)
    _, batched = run(pairs(), "all", batch_size=9, temperature=temperature)
    assert [a.text for a in batched] == [a.text for a in single]
    assert [a.reference_nll for a in batched] == pytest.approx(
        [a.reference_nll for a in single], abs=2e-3
    )
    assert len({a.text for a in single}) > 1


def test_greedy_answers_are_those_of_plain_generate(run, loaded):
    _, answers = run(pairs())
    model, tokenizer = loaded
    for pair, got in zip(pairs(), answers, strict=True):
        assert (got.pair, got.question, got.reference) == (pair.id, pair.question, pair.answer)
        text = PROMPT.replace("$instruction", "Answer").replace("$context", pair.context)
        ids = torch.tensor([tokenizer(text.replace("$question", pair.question))["input_ids"]])
        out = model.generate(ids, max_new_tokens=12, do_sample=False, pad_token_id=0)
        new = out[0, ids.shape[1] :]
        assert got.text == tokenizer.decode(new, skip_special_tokens=True).strip()
        assert got.truncated == (tokenizer.eos_token_id not in new.tolist())


def test_reference_nll_is_the_sum_over_the_answer_only(loaded, monkeypatch):
    model, tokenizer = loaded
    texts = [
        ("what is it", " the next cache miss"),
        ("a long question of the program", " energy"),
        ("read", " tern saves the energy of a program"),
    ]
    examples = list(encode(tokenizer, texts))
    got = reference_nll(model, tokenizer, examples)
    for (prompt, text), (before, own), (nll, count) in zip(texts, examples, got, strict=True):
        assert tokenizer.decode(before) == prompt and tokenizer.decode(own) == text
        with torch.inference_mode():
            logits = model(torch.tensor([before + own])).logits[0].double()
        places = logits.log_softmax(-1)[len(before) - 1 : -1]
        wanted = -sum(float(place[token]) for place, token in zip(places, own, strict=True))
        assert (nll, count) == (pytest.approx(wanted, abs=1e-3), len(own))
    monkeypatch.setattr(generation, "LOGITS", 5000)  # in small portions
    for one, other in zip(reference_nll(model, tokenizer, examples), got, strict=True):
        assert one == pytest.approx(other, abs=1e-3)


def test_only_new_questions_are_asked(run, monkeypatch):
    asked, first = run(pairs(6), batch_size=4)
    assert asked == 6
    asked, grown = run(pairs(9), batch_size=4)
    assert asked == 3 and grown[:6] == first
    monkeypatch.setattr(inference, "answers", None)  # nothing may be written any more
    assert run(pairs(9)[::-1], batch_size=2)[0] == 0
    with pytest.raises(TypeError):  # another model is another identity
        run(pairs(9), identity={"model": "n"})
    with pytest.raises(PapertuneError, match="no pairs"):
        run([])


def test_what_is_done_is_counted_in_tokens_as_long_questions_take_longer(run, monkeypatch, caplog):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    caplog.set_level(logging.INFO)
    long, *short = pairs()
    run([replace(long, context="energy " * 60), *short], batch_size=1)
    said = re.findall(r"tokens of 9 questions.*: (\d+)/(\d+) \(", caplog.text)
    done, of = ([int(number) for number in numbers] for numbers in zip(*said, strict=True))
    [whole] = {*of}
    assert whole / 9 * 1.5 < done[0] < done[-1] == whole and done == sorted(done)
    assert len({*done}) == 9


def test_a_killed_run_keeps_its_batches(tmp_path, run, monkeypatch):
    real, killed = inference.answers, iter([False, False, True])

    def dies_in_the_third_batch(*arguments):
        if next(killed):
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(inference, "answers", dies_in_the_third_batch)
        run(pairs(9), batch_size=2)
    assert not (tmp_path / "answers.jsonl").exists()
    asked, resumed = run(pairs(9), batch_size=2)
    assert asked == 5
    assert resumed == run(pairs(9), "unbroken", batch_size=2)[1]


def test_long_prompts_lose_the_end_of_their_context_and_it_is_said(run, caplog):
    caplog.set_level(logging.INFO)
    endless = "energy " * 400
    changes = [
        {}, {"context": endless}, {"context": f"{endless} red"},
        {"context": endless, "question": "what is it?"}, {"question": endless},
    ]  # fmt: skip
    items = [replace(pairs()[0], id=str(n), **own) for n, own in enumerate(changes)]
    asked, answers = run(items)
    assert asked == 5 and [a.prompt for a in answers] == ["whole", *["cut"] * 3, "too_long"]
    assert answers[1].text == answers[2].text != answers[3].text  # what differs was cut off, or not
    assert answers[4].text == "" and answers[4].reference_tokens == 0 and not answers[4].truncated
    assert "3 of 5 prompts are longer than 116 tokens and lose the end of" in caplog.text
    assert "1 of 5 prompts are longer than 116 tokens and do not fit even without" in caplog.text
    assert run(items)[0] == 0  # the store has them all
    assert run(items[:4], "grown")[0] == 4
    assert run(items, "grown") == (1, answers)  # nothing is left that could be asked
    with pytest.raises(PapertuneError, match="no question fits") as caught:
        run(items[-1:], "none")
    assert "longer context" in caught.value.hint


def test_the_likelihood_is_of_the_answer_to_what_was_asked(loaded):
    """Of a long reference the beginning counts, and its prompt stays what it was."""
    model, tokenizer = loaded
    ((before, own),) = encode(tokenizer, [("what is it " * 10, "next cache miss " * 60)])
    room = 128 - len(before)
    (long, short) = reference_nll(model, tokenizer, [(before, own), (before, own[:room])])
    assert long == pytest.approx(short, abs=1e-3) and long[1] == room < len(own)


def test_memory_that_does_not_hold_a_batch_halves_it(loaded, monkeypatch):
    model, tokenizer = loaded
    rows = [(str(n), tokenizer("what " * (n + 1))["input_ids"]) for n in range(5)]
    (batch,) = batches(rows, 8)
    whole = generate(model, tokenizer, batch, Sampling(8))
    real, sizes, most = generation._generate, [], [2]

    def small(model, tokenizer, batch, sampling, **how):
        sizes.append(len(batch))
        if len(batch) > most[0]:
            raise torch.cuda.OutOfMemoryError
        return real(model, tokenizer, batch, sampling, **how)

    monkeypatch.setattr(generation, "_generate", small)
    assert generate(model, tokenizer, batch, Sampling(8)) == whole
    assert sizes == [5, 3, 2, 1, 2]
    most[0] = 0
    with pytest.raises(PapertuneError, match="one prompt"):
        generate(model, tokenizer, batch, Sampling(8))


def test_sampling_follows_the_distribution():
    """The draws of many keys at one place have the frequencies that softmax gives."""
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0]).log_softmax(0)

    def drawn(top_p):
        sampling = Sampling(1, temperature=1.0, top_p=top_p, seed=3)
        sampler = row_sampler([str(number) for number in range(4000)], sampling, "cpu")
        return sampler(torch.zeros(4000, 1), logits.repeat(4000, 1)).argmax(-1)

    shares = torch.bincount(drawn(0.99), minlength=4) / 4000
    assert shares.tolist() == pytest.approx(logits.exp().tolist(), abs=0.03)
    assert set(drawn(0.5).tolist()) == {0}
