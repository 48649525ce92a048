"""The form of a pair in training, and that answering uses the same form."""

import pytest

from papertune.answering.inference import answer
from papertune.answering.task import Task
from papertune.errors import TrainingError
from papertune.examples.forms import Form, read_examples
from papertune.examples.tokens import MASKED, encode, labelled, shortened
from papertune.models.loading import load_model, load_tokenizer
from papertune.pairfile import write_pairs
from papertune.records import Answer, Pair, read_records
from papertune.study.settings import Answering, ExampleForm
from tiny_models import make_model

TEMPLATE = "$instruction\nAbstract: $context\nQuestion: $question\nAnswer:"
ASKED, ANSWERED = "Question: what does it save 0\nAnswer:", " energy and 0 percent<end>"
GEMMA = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'assistant' %}"
    "{% set role = 'model' %}{% else %}{% set role = m['role'] %}{% endif %}"
    "<start_of_turn>{{ role }}\n{{ m['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}[INST] {{ m['content'] }}"
    "[/INST]{% else %} {{ m['content'] }}{{ eos_token }}{% endif %}{% endfor %}"
)
DATED = "{% if not date_string is defined %}{{ strftime_now('%d %b %Y') }}{% endif %}" + GEMMA
THINKING = GEMMA.replace("model\n{% endif %}", "model\n<think>\n{% endif %}")


def pairs(count: int = 4) -> list[Pair]:
    return [
        Pair(
            *(f"{n:016x}", f"{n:016x}", 2020, "read", "the next cache miss " * (n + 1)),
            *(f"what does it save {n}", f"energy and {n} percent", "g"),
        )
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model"), context=256)


@pytest.fixture
def plain(folder):
    """Its own encoding adds nothing, as GPT-2's."""
    return load_tokenizer(folder)


def with_beginning(tokenizer):
    """Its own encoding begins with a token, as that of Llama, Gemma and Mistral."""
    from tokenizers.processors import TemplateProcessing

    turns = ["<start_of_turn>", "<end_of_turn>"]
    tokenizer.add_special_tokens({"bos_token": "<s>", "additional_special_tokens": turns})
    frame = [("<s>", tokenizer.bos_token_id), ("<end>", tokenizer.eos_token_id)]
    # what ends a text in its own encoding ends no question
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A <end>", special_tokens=frame
    )
    return tokenizer


def read(tokenizer, *, max_length: int = 256, **variant):
    settings = ExampleForm(**variant)
    form = Form(tokenizer, settings.asked, TEMPLATE)
    return read_examples(form, pairs(), settings, max_length=max_length)


def shown(tokenizer, row) -> tuple[str, str]:
    """All of an example, and what of it the loss counts."""
    counted = [token for token in row["labels"] if token != MASKED]
    return tokenizer.decode(row["input_ids"]), tokenizer.decode(counted)


@pytest.mark.parametrize(
    ("variant", "whole", "counted"),
    [
        ("prompt_qa", f"read\nAbstract: the next cache miss \n{ASKED}{ANSWERED}", ANSWERED),
        ("qa", f"{ASKED}{ANSWERED}", ANSWERED),
        ("answer", ANSWERED, ANSWERED),
        ("separate", "what does it save 0<end>", "what does it save 0<end>"),
    ],
)
def test_variants_read_different_texts(plain, variant, whole, counted):
    found = read(plain, variant=variant)
    assert len(found.rows) == (8 if variant == "separate" else 4) and not found.rejected
    assert shown(plain, found.rows[0]) == (whole, counted)
    if variant == "separate":
        assert shown(plain, found.rows[1])[0] == ANSWERED


@pytest.mark.parametrize("variant", ["prompt_qa", "qa", "chat"])
@pytest.mark.parametrize("template", [GEMMA, MISTRAL, DATED])
@pytest.mark.parametrize("beginning", [True, False])
def test_training_and_answering_see_the_same_tokens(plain, variant, template, beginning):
    tokenizer = with_beginning(plain) if beginning else plain
    tokenizer.chat_template = template
    if not beginning:
        tokenizer.bos_token = None
        tokenizer.chat_template = template.replace("{{ bos_token }}", "")
    rows = read(tokenizer, variant=variant).rows
    form = Form(tokenizer, ExampleForm(variant=variant).asked, TEMPLATE)
    for (asked, reference), row in zip(form.tokens(pairs()), rows, strict=True):
        both = asked + reference
        assert row["input_ids"][: len(both)] == both
        assert row["labels"][: len(asked)] == [MASKED] * len(asked)
        assert row["labels"][len(asked) :] == row["input_ids"][len(asked) :]
        assert row["input_ids"][-1] == tokenizer.eos_token_id
        assert asked.count(tokenizer.bos_token_id) == (1 if beginning else 0)
        assert not beginning or asked[0] == tokenizer.bos_token_id
        assert tokenizer.eos_token_id not in both
    whole = read(tokenizer, variant=variant, loss="all").rows
    assert whole == [{"input_ids": row["input_ids"], "labels": row["input_ids"]} for row in rows]


def test_a_chat_example_is_what_the_template_writes(plain):
    tokenizer = with_beginning(plain)
    tokenizer.chat_template = GEMMA
    text = TEMPLATE.replace("$instruction", "read").replace("$context", pairs()[0].context)
    turns = [
        {"role": "user", "content": text.replace("$question", pairs()[0].question)},
        {"role": "assistant", "content": pairs()[0].answer},
    ]
    written = tokenizer.apply_chat_template(turns, tokenize=False)
    row = read(tokenizer, variant="chat").rows[0]
    assert tokenizer.decode(row["input_ids"]) == written.rstrip("\n") + "<end>"
    assert shown(tokenizer, row)[1] == "energy and 0 percent<end_of_turn><end>"
    # one end is enough where the template writes it
    tokenizer.chat_template = MISTRAL
    assert shown(tokenizer, read(tokenizer, variant="chat").rows[0])[1] == ANSWERED


@pytest.mark.parametrize(
    ("template", "what"),
    [(None, "no chat template"), (THINKING, "writes another prompt before an answer")],
)
def test_a_chat_template_that_will_not_do_is_an_error(plain, template, what):
    plain.chat_template = template
    with pytest.raises(TrainingError, match=what) as caught:
        read(plain, variant="chat")
    assert "variant" in caught.value.where and "another variant" in caught.value.hint


def test_a_text_that_is_cut_still_begins_with_its_beginning(plain):
    tokenizer = with_beginning(plain)
    text = "the next cache miss of a program " * 3
    whole, short = (
        labelled(tokenizer, encode(tokenizer, [(text, " energy")]), max_length=n) for n in (99, 12)
    )
    (row,), (all_of_it,) = short.rows, whole.rows
    assert len(row["input_ids"]) == 12 and row["input_ids"][0] == tokenizer.bos_token_id
    assert row["input_ids"][1:] == all_of_it["input_ids"][-11:] and (short.cut, whole.cut) == (1, 0)
    tokens = list(range(100, 120))
    assert shortened(tokenizer, tokens, 5) == tokens[-5:]  # another beginning is not kept
    assert shortened(tokenizer, tokens, 0) == [] and shortened(tokenizer, tokens, 20) == tokens


def test_blocks_are_joined_texts(plain):
    def joined(rows, key="input_ids"):
        return [token for row in rows for token in row[key] if token != MASKED]

    rows, cut = read(plain).rows, read(plain, packing="blocks", length=20).rows
    assert max(len(row["input_ids"]) for row in cut) == 20
    whole = read(plain, packing="blocks", length=20, loss="all").rows
    assert joined(whole) == joined(rows)
    # a block of prompts only teaches nothing and is left out
    assert len(joined(cut)) < len(joined(rows)) and joined(cut, "labels") == joined(rows, "labels")
    # texts longer than an example may be cut too, but no block is longer
    blocks = read(plain, packing="blocks", max_length=16, length=20)
    assert max(len(row["input_ids"]) for row in blocks.rows) == 16 and not blocks.rejected
    # whole examples are packed in batches only
    assert read(plain, packing="whole", length=20).rows == read(plain).rows


@pytest.mark.parametrize("asked", ["prompt", "question", "chat"])
def test_answers_are_those_to_what_was_asked(tmp_path, folder, asked):
    import torch

    tokenizer, model = load_tokenizer(folder), load_model(folder)
    tokenizer.chat_template = MISTRAL
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    write_pairs(tmp_path / "test.parquet", pairs())
    output = tmp_path / "answers.jsonl"

    def ask(asked):
        where = {"model": tmp_path / "model", "test_set": tmp_path / "test.parquet"}
        how = {"prompt": TEMPLATE, "asked": asked, "answering": Answering(max_new_tokens=6)}
        where_to = {"output": output, "store": tmp_path / "store"}
        return answer(Task(**where, **how), **where_to, identity={"model": "m"})

    ask("prompt")
    assert ask(asked) == (0 if asked == "prompt" else 4)  # others than those
    read = Form(tokenizer, asked, TEMPLATE).tokens(pairs())
    how = {"max_new_tokens": 6, "do_sample": False, "pad_token_id": 0}
    for (tokens, _), got in zip(read, read_records(output, Answer), strict=True):
        out = model.generate(torch.tensor([tokens]), **how)
        text = tokenizer.decode(out[0, len(tokens) :], skip_special_tokens=True)
        assert got.text == text.strip()
