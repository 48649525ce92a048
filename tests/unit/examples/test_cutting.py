"""A prompt that is too long loses only context, wherever it is read."""

import json
import re

import pytest
from test_control import trained
from test_forms import GEMMA, MISTRAL, with_beginning

from papertune.errors import TrainingError
from papertune.examples.forms import Form, read_examples
from papertune.examples.prompts import Fit, Prompts
from papertune.models.loading import load_tokenizer
from papertune.records import Pair
from papertune.study.prompts import Prompt
from papertune.study.settings import ExampleForm
from tiny_models import make_model

LLAMA_3 = (
    "{{ bos_token }}{% if not date_string is defined %}{% if strftime_now is defined %}"
    "{% set date_string = strftime_now('%d %b %Y') %}{% endif %}{% endif %}Today: {{ date_string }}\n"
    "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] | trim }}[end]{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
OTHER = (
    "{% set today = strftime_now('%Y-%m-%d %H:%M:%S') %}It is {{ today }}.{% for m in messages %}"
    "<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"
)
TEMPLATES = [
    "$instruction\nAbstract: $context\nQuestion: $question\nAnswer:",
    "$context\n$question\n",
]
WORDS = "the next cache miss of a program saves twelve percent energy"
CONTEXTS = [
    f"{WORDS}. " * 30 + "end", "見出し語の記憶装置" * 40, f"{WORDS}</s><end>\n" * 9 + "end",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model"), context=256)


@pytest.fixture
def tokenizer(folder):
    return with_beginning(load_tokenizer(folder))


def pair(context, question="what does it save?", answer="energy"):
    return Pair("1", "1", 2020, "read it", context, question, answer, "g")


@pytest.mark.parametrize("chat", [None, GEMMA, MISTRAL, LLAMA_3])
@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("context", CONTEXTS)
def test_only_the_end_of_the_context_is_lost(tokenizer, chat, template, context):
    tokenizer.chat_template = chat
    form = Form(tokenizer, "chat" if chat else "prompt", template)
    (whole, _), (frame, _) = form.tokens([pair(context), pair("")])
    before, _, after = tokenizer.decode(whole).partition(context)
    for room in (len(frame) + 5, len(frame) + 40, len(whole) - 1):
        fit = Fit(room + 7, 7)
        ((tokens, answer),) = form.tokens([pair(context)], fit)
        text = tokenizer.decode(tokens)
        assert len(tokens) <= room and (fit.cut, fit.unfit) == ({0}, set()) and answer
        assert text.startswith(before) and text.endswith(after)
        kept = text.removeprefix(before).removesuffix(after)
        assert kept and context.startswith(kept)
        if " " in context:  # whole words, and no more lost than about one of them
            assert context[len(kept)].isspace() and room - len(tokens) < 16
    ((tokens, _),) = form.tokens([pair(context)], fit := Fit(len(whole) + 7, 7))
    assert tokens == whole and not fit.cut  # what fits is as it was
    ((tokens, _),) = form.tokens([pair(context)], fit := Fit(len(frame) + 6, 7))
    assert tokens == [] and fit.unfit == {0}  # its frame and its question alone are too much
    fit = Fit(64, 7)
    assert [tokens for tokens, _ in form.tokens([pair("", context)], fit)] == [[]] and fit.unfit


@pytest.mark.parametrize("variant", ["prompt_qa", "qa", "chat"])
@pytest.mark.parametrize("packing", ["none", "whole", "blocks"])
def test_training_and_answering_cut_alike(tokenizer, caplog, variant, packing):
    tokenizer.chat_template = GEMMA
    settings = ExampleForm(variant=variant, packing=packing)
    form = Form(tokenizer, settings.asked, TEMPLATES[0])
    given = [
        pair("short"),
        pair(f"{WORDS} " * 30),
        pair("x", f"{WORDS} " * 30),
        pair("", "", "a " * 99),
    ]
    found = read_examples(form, given, settings, max_length=90)
    if packing == "blocks":  # joined and cut into blocks, nothing is too long
        assert (found.cut, found.rejected) == (0, 0)
        return
    cut = 0 if variant == "qa" else 1
    assert (len(found.rows), found.cut, found.rejected) == (2, cut, 2)
    ((_, answer),) = form.tokens(given[:1])
    follow = len(answer + form.end)
    for row, (asked, _) in zip(found.rows, form.tokens(given[:2], Fit(90, follow)), strict=True):
        assert row["input_ids"][: len(asked)] == asked and len(row["input_ids"]) <= 90
    assert ("1 examples of over 90 tokens lose the end of their context" in caplog.text) == bool(
        cut
    )
    assert "2 examples of over 90 tokens are left out" in caplog.text


def test_no_example_is_cut_where_there_is_no_prompt(tokenizer):
    form = Form(tokenizer, "prompt", TEMPLATES[0])
    for variant, rows in (("answer", 1), ("separate", 2)):
        found = read_examples(form, [pair("x " * 999)], ExampleForm(variant=variant), max_length=40)
        assert (len(found.rows), found.cut, found.rejected) == (rows, 0, 0)


@pytest.mark.parametrize(
    ("template", "lead"), [("$question", " "), ("A:\n", ""), ("A: ", ""), ("A:", " ")]
)
def test_an_answer_follows_after_one_blank(tokenizer, template, lead):
    form = Form(tokenizer, "prompt", template)
    assert form.completion(pair("")) == f"{lead}energy"


@pytest.mark.parametrize("template", [LLAMA_3, OTHER])
def test_templates_that_print_a_date_print_the_same_one_tomorrow(tokenizer, template):
    tokenizer.chat_template = template
    turns = [{"role": "user", "content": "read"}]
    assert "2024" not in tokenizer.apply_chat_template(turns, tokenize=False)  # as it would
    made = [Prompts(tokenizer, chat=True)]
    if template is LLAMA_3:
        made.append(Form(tokenizer, "chat", "$question").prompts)
    for prompts in made:
        (tokens,) = prompts([Prompt("read", {})])
        assert re.search("26 Jul 2024|2024-07-26 00:00:00", tokenizer.decode(tokens))


def test_a_chat_template_that_leaves_out_the_question_is_an_error(tokenizer):
    tokenizer.chat_template = "{{ messages[0]['content'][:9] }}"
    prompt = Prompt("$context $text", {"context": "a", "text": "b"})
    with pytest.raises(TrainingError, match="leaves out or changes"):
        Prompts(tokenizer, chat=True)([prompt])


def test_frames_see_values_as_before():
    """A template that trims trims the same; values that are empty or blank leave no trace."""
    tokenizer = trained("bytes")
    tokenizer.chat_template = GEMMA
    for instruction in ("", " ", "\n\n", " a ", "$context", "{{ 7*7 }}", "\ue000context\ue001"):
        prompt = Prompt(
            "$instruction\n\n$question\n", {"instruction": instruction, "question": " q\n"}
        )
        turns = [{"role": "user", "content": str(prompt)}]
        wanted = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        (tokens,) = Prompts(tokenizer, chat=True)([prompt])
        assert tokens == tokenizer(wanted, add_special_tokens=False)["input_ids"], json.dumps(
            instruction
        )
