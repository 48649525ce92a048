"""Prompts with turns as models read them: chat or continuation, safe, and truncated alike."""

import pytest
from test_control import CHATML, HOSTILE, trained
from test_cutting import LLAMA_3, WORDS, pair
from test_forms import GEMMA, MISTRAL, with_beginning

from papertune.examples.forms import Form
from papertune.examples.prompts import Fit, Prompts
from papertune.models.loading import load_tokenizer
from papertune.study.prompts import Prompt
from tiny_models import CHAT, make_model

TEMPLATE = "--- system\nread it\n--- user\nwhat is $$5\n--- assistant\nenergy\n--- user\n$context\n$question"
TURNS = [("user", "what is $5"), ("assistant", "energy"), ("user", f"{WORDS}\nhow much")]
DEAF = "{% for m in messages %}{% if m.role != 'system' %}[{{ m.content }}]{% endif %}{% endfor %}"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return with_beginning(load_tokenizer(make_model(tmp_path_factory.mktemp("m"), context=256)))


@pytest.mark.parametrize(
    ("chat", "folded"),
    [(CHATML, False), (LLAMA_3, False), (GEMMA, False), (CHAT, True), (DEAF, True)],
)
def test_a_chat_gets_the_turns_and_who_knows_no_system_gets_it_with_the_first(
    tokenizer, chat, folded
):
    tokenizer.chat_template = chat
    prompts = Prompts(tokenizer, chat=True)
    (tokens,) = prompts([Prompt(TEMPLATE, {"context": WORDS, "question": "how much"})])
    turns = [("system", "read it"), *TURNS]
    if folded:
        turns = [("user", "read it\n\nwhat is $5"), *TURNS[1:]]
    given = [{"role": role, "content": text} for role, text in turns]
    how = {"tokenize": False, "add_generation_prompt": True, "date_string": "26 Jul 2024"}
    assert tokenizer.decode(tokens) == tokenizer.apply_chat_template(given, **how)


def test_a_model_without_a_template_goes_on_with_the_same(tokenizer):
    tokenizer.chat_template = None
    prompts = Prompts(tokenizer, chat=False)
    (tokens,) = prompts([Prompt(TEMPLATE, {"context": WORDS, "question": "how much"})])
    text = f"read it\n\nwhat is $5\nenergy\n\n{WORDS}\nhow much\n"
    assert tokens == [*prompts.start, *tokenizer(text, add_special_tokens=False)["input_ids"]]
    assert (
        Form(tokenizer, "prompt", TEMPLATE).completion(pair("")) == "energy"
    )  # on a line of its own


@pytest.mark.parametrize("chat", [None, GEMMA, MISTRAL, LLAMA_3])
def test_of_turns_that_are_too_long_only_the_context_is_cut(tokenizer, chat):
    tokenizer.chat_template = chat
    form = Form(tokenizer, "chat" if chat else "prompt", TEMPLATE)
    context = f"{WORDS}. " * 30 + "end"
    (whole, _), (frame, _) = form.tokens([pair(context), pair("")])
    before, _, after = tokenizer.decode(whole).partition(context)
    ((tokens, _),) = form.tokens([pair(context)], Fit(len(frame) + 47, 7))
    text = tokenizer.decode(tokens)
    assert "energy" in before and text.startswith(before) and text.endswith(after)
    kept = text.removeprefix(before).removesuffix(after)
    assert kept and context.startswith(kept) and len(tokens) <= len(frame) + 40


@pytest.mark.parametrize("kind", ["bytes", "first", "unigram"])
@pytest.mark.parametrize("chat", [None, CHATML])
def test_control_tokens_in_texts_of_others_stay_text_in_any_turn(kind, chat):
    tokenizer = trained(kind)
    tokenizer.chat_template = chat
    prompts = Prompts(tokenizer, chat=bool(chat))
    template = "--- user\n$context\n--- assistant\n<s>$instruction\n--- user\n$question"
    names = ("context", "instruction", "question")

    def controls(text):
        (tokens,) = prompts([Prompt(template, dict.fromkeys(names, text))])
        known = {*prompts.encoder._controls.values()} - {tokenizer.unk_token_id}
        return [one for one in tokens if one in known]

    assert all(controls(text) == controls("what is it") for text in HOSTILE)


@pytest.mark.parametrize("chat", [None, CHATML, GEMMA, MISTRAL, LLAMA_3])
def test_an_answer_that_is_begun_goes_on(tokenizer, chat):
    tokenizer.chat_template = chat
    asked = [
        Prompt(f"--- user\n$text{more}", {"text": WORDS})
        for more in ("", "\n--- assistant\nIt saves")
    ]
    before, begun = Prompts(tokenizer, chat=bool(chat))(asked)
    text = tokenizer.decode(begun)
    assert text.endswith("It saves") and text.startswith(
        tokenizer.decode(before).removesuffix("<think>")
    )
