"""Answering on tiny random models: batches change nothing, the store is used, the facts are right."""

import logging

import pytest

from papertune.answering import inference, likelihood
from papertune.answering.generation import Sampling, batches, generate, prompt_tokens
from papertune.answering.inference import answer, question_tokens
from papertune.answering.likelihood import reference_nll
from papertune.errors import PapertuneError
from papertune.examples.forms import Form
from papertune.models.loading import load_model, load_tokenizer
from papertune.records import Answer, Pair, read_records, write_records
from papertune.study.settings import Answering
from tiny_models import make_model

PROMPT = "$instruction\nAbstract: $context\nQuestion: $question\nAnswer:"


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def folder(request, tmp_path_factory):
    return make_model(tmp_path_factory.mktemp(request.param), family=request.param)


def pairs(count=9):
    return [
        Pair(
            id=f"{number:016x}",
            document=f"{number // 3:016x}",
            year=2020,
            instruction="read",
            context="the next cache miss " * (1 + number * 5 % 4),
            question="what does it save " * (1 + number % 3),
            answer="energy and " * (number % 4) + f"{number} percent",
            generator="g",
        )
        for number in range(count)
    ]


def run(tmp_path, folder, items, *, name="answers", identity=None, **answering):
    write_records(tmp_path / "test.jsonl", items)
    asked = answer(
        model=folder,
        base=None,
        test_set=tmp_path / "test.jsonl",
        prompt=PROMPT,
        answering=Answering(**{"max_new_tokens": 12, **answering}),
        output=tmp_path / f"{name}.jsonl",
        store=tmp_path / f"store-{name}",
        identity=identity or {"model": "m"},
    )
    return asked, list(read_records(tmp_path / f"{name}.jsonl", Answer))


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_batch_answers_as_one_question_at_a_time(tmp_path, folder, temperature):
    _, single = run(tmp_path, folder, pairs(), name="one", batch_size=1, temperature=temperature)
    _, batched = run(tmp_path, folder, pairs(), name="all", batch_size=9, temperature=temperature)
    assert [a.text for a in batched] == [a.text for a in single]
    assert [a.reference_nll for a in batched] == pytest.approx(
        [a.reference_nll for a in single], abs=2e-3
    )
    assert len({a.text for a in single}) > 1


def test_greedy_answers_are_those_of_plain_generate(tmp_path, folder):
    import torch

    _, answers = run(tmp_path, folder, pairs())
    tokenizer, model = load_tokenizer(folder), load_model(folder)
    for pair, got in zip(pairs(), answers, strict=True):
        assert (got.pair, got.question, got.reference) == (pair.id, pair.question, pair.answer)
        text = PROMPT.replace("$instruction", "read").replace("$context", pair.context)
        ids = torch.tensor([tokenizer(text.replace("$question", pair.question))["input_ids"]])
        out = model.generate(ids, max_new_tokens=12, do_sample=False, pad_token_id=0)
        new = out[0, ids.shape[1] :]
        assert got.text == tokenizer.decode(new, skip_special_tokens=True).strip()
        assert got.truncated == (tokenizer.eos_token_id not in new.tolist())


def test_reference_nll_is_the_sum_over_the_answer_only(folder):
    import torch

    tokenizer, model = load_tokenizer(folder), load_model(folder)
    examples = [
        ("what is it", " the next cache miss"),
        ("a long question of the program", " energy"),
        ("read", " tern saves the energy of a program"),
    ]
    got = reference_nll(model, tokenizer, [(prompt_tokens(tokenizer, p), c) for p, c in examples])
    for (prompt, text), (nll, count) in zip(examples, got, strict=True):
        before = tokenizer(prompt)["input_ids"]
        own = tokenizer(text, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            logits = model(torch.tensor([before + own])).logits[0].double()
        probabilities = logits.log_softmax(-1)
        wanted = -sum(
            float(probabilities[len(before) - 1 + place, token]) for place, token in enumerate(own)
        )
        assert count == len(own)
        assert nll == pytest.approx(wanted, abs=1e-3)


def test_likelihoods_in_small_portions_are_the_same(folder, monkeypatch):
    tokenizer, model = load_tokenizer(folder), load_model(folder)
    rows = [(prompt_tokens(tokenizer, p.question), f" {p.answer}") for p in pairs()]
    whole = reference_nll(model, tokenizer, rows)
    monkeypatch.setattr(likelihood, "LOGITS", 5000)
    assert [n for n, _ in reference_nll(model, tokenizer, rows)] == pytest.approx(
        [n for n, _ in whole], abs=1e-3
    )


def test_only_new_questions_are_asked(tmp_path, folder, monkeypatch):
    asked, first = run(tmp_path, folder, pairs(6), batch_size=4)
    assert asked == 6
    asked, grown = run(tmp_path, folder, pairs(9), batch_size=4)
    assert asked == 3 and grown[:6] == first
    monkeypatch.setattr(inference, "generate", None)  # nothing may be written any more
    assert run(tmp_path, folder, pairs(9)[::-1], batch_size=2)[0] == 0
    with pytest.raises(TypeError):  # another model is another identity
        run(tmp_path, folder, pairs(9), identity={"model": "n"})


def test_a_killed_run_keeps_its_batches(tmp_path, folder, monkeypatch):
    real, calls = inference.generate, []

    def dies_in_the_third_batch(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(inference, "generate", dies_in_the_third_batch)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, folder, pairs(9), batch_size=2)
    assert not (tmp_path / "answers.jsonl").exists()
    monkeypatch.setattr(inference, "generate", real)
    asked, resumed = run(tmp_path, folder, pairs(9), batch_size=2)
    assert asked == 5
    assert resumed == run(tmp_path, folder, pairs(9), name="unbroken", batch_size=2)[1]


def test_long_prompts_lose_their_beginning_and_it_is_said(tmp_path, folder, caplog):
    caplog.set_level(logging.INFO)
    long = [
        Pair("1" * 16, "d", 2020, "read", "energy " * 400, "what is it", "tern", "g"),
        Pair("2" * 16, "d", 2020, "other", "energy " * 401, "what is it", "tern", "g"),
    ]
    _, answers = run(tmp_path, folder, long)
    assert answers[0].text == answers[1].text  # what differs was cut off
    assert "2 of 2 prompts are longer" in caplog.text


def test_an_adapter_answers_with_its_base(tmp_path, folder):
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(
        load_model(folder),
        LoraConfig(target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False),
    )
    model.save_pretrained(tmp_path / "adapter")
    write_records(tmp_path / "test.jsonl", pairs())
    arguments = {
        "test_set": tmp_path / "test.jsonl",
        "prompt": PROMPT,
        "answering": Answering(max_new_tokens=12),
        "store": tmp_path / "store",
    }
    for name, where, base in [("own", folder, None), ("adapted", tmp_path / "adapter", folder)]:
        answer(model=where, base=base, output=tmp_path / name, identity={"name": name}, **arguments)
    own, adapted = (list(read_records(tmp_path / name, Answer)) for name in ("own", "adapted"))
    assert [a.reference_nll for a in own] != [a.reference_nll for a in adapted]
    assert [a.reference_tokens for a in own] == [a.reference_tokens for a in adapted]


def test_questions_are_tokenised_as_in_training(folder):
    from tokenizers.processors import TemplateProcessing

    from papertune.examples.tokens import tokenize

    tokenizer = load_tokenizer(folder)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<end> $A <end>", special_tokens=[("<end>", tokenizer.eos_token_id)]
    )
    (pair,) = pairs(1)
    form = Form(tokenizer, "prompt", PROMPT)
    (row,) = tokenize(tokenizer, [(form.prompt(pair), " energy")], max_length=64).rows
    tokens = question_tokens(form, pair)
    # what begins a text does so in training and answering, what ends it only ends an example
    assert prompt_tokens(tokenizer, form.prompt(pair)) == tokens
    assert tokens[0] == tokenizer.eos_token_id
    own = tokenizer(" energy", add_special_tokens=False)["input_ids"]
    assert row["input_ids"] == [*tokens, *own, tokenizer.eos_token_id]


def test_an_empty_test_set_is_an_error(tmp_path, folder):
    with pytest.raises(PapertuneError, match="no pairs"):
        run(tmp_path, folder, [])


def test_memory_that_does_not_hold_a_batch_halves_it(folder, monkeypatch):
    import torch

    from papertune.answering import generation

    tokenizer, model = load_tokenizer(folder), load_model(folder)
    rows = [(str(n), prompt_tokens(tokenizer, "what " * (n + 1))) for n in range(5)]
    (batch,) = batches(rows, 8)
    whole = generate(model, tokenizer, batch, Sampling(8))
    real, sizes = generation._generate, []

    def small(model, tokenizer, batch, sampling):
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.cuda.OutOfMemoryError
        return real(model, tokenizer, batch, sampling)

    monkeypatch.setattr(generation, "_generate", small)
    assert generate(model, tokenizer, batch, Sampling(8)) == whole
    assert sizes == [5, 3, 2, 1, 2]
    monkeypatch.setattr(
        generation, "_generate", lambda *_: (_ for _ in ()).throw(torch.cuda.OutOfMemoryError())
    )
    with pytest.raises(PapertuneError, match="one prompt"):
        generate(model, tokenizer, batch, Sampling(8))


def test_sampling_follows_the_distribution(folder):
    """The draws of many keys at one place have the frequencies that softmax gives."""
    import torch

    from papertune.answering.generation import row_sampler

    logits = torch.tensor([2.0, 1.0, 0.0, -1.0]).log_softmax(0)
    keys = [str(number) for number in range(4000)]
    sampler = row_sampler(keys, Sampling(1, temperature=1.0, top_p=0.99, seed=3), "cpu")
    drawn = sampler(torch.zeros(4000, 1), logits.repeat(4000, 1)).argmax(-1)
    shares = torch.bincount(drawn, minlength=4) / 4000
    assert shares.tolist() == pytest.approx(logits.exp().tolist(), abs=0.03)
    cold = row_sampler(keys, Sampling(1, temperature=1.0, top_p=0.5, seed=3), "cpu")
    assert set(cold(torch.zeros(4000, 1), logits.repeat(4000, 1)).argmax(-1).tolist()) == {0}
