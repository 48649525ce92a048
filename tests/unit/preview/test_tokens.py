"""A preview shows exactly what a model reads in training and answering."""

from dataclasses import replace

import pytest

from papertune.examples.forms import Form, read_examples
from papertune.examples.tokens import MASKED
from papertune.models.loading import load_tokenizer
from papertune.preview.show import BRACKETS, marked
from papertune.preview.tokens import readings
from papertune.records import Pair
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout
from tiny_models import make_model

PAIR = Pair(
    *("1" * 16, "2" * 16, 2020, "read", "the next cache miss of a naïve 程序"),
    *("what does it save", "energy and twelve percent", "extractive"),
)
CHAT = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] | trim }}</{{ m['role'] }}>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = make_model(tmp_path_factory.mktemp("base") / "base", context=256)
    (folder / "chat_template.jinja").write_text(CHAT)
    return folder


def layout(base, **examples) -> Layout:
    return Layout(
        "mine",
        Experiment.model_validate(
            {
                "source": {"kind": "demo"},
                "splits": {"train": {"from": 2005, "to": 2021}, "test": {"from": 2022, "to": 2024}},
                "generators": {
                    "extractive": {"backend": "rules", "style": "extractive"},
                    "cloze": {"backend": "rules", "style": "cloze"},
                },
                "bases": {"small": {"path": str(base)}},
                "models": {
                    "baseline": {"base": "small", "method": "baseline", "examples": examples},
                    "full": {"base": "small", "method": "full", "examples": examples},
                    "lora": {"base": "small", "method": "lora", "examples": examples},
                },
            }
        ),
    )


def read_by(place: Layout, pair: Pair = PAIR):
    [trained] = [one for one in readings(place, {"extractive": [pair]}) if "full" in one.models]
    return trained


@pytest.mark.parametrize("examples", [{}, {"loss": "all"}, {"variant": "chat"}], ids=str)
def test_the_tokens_marked_are_those_that_the_loss_counts(base, examples):
    place = layout(base, **examples)
    recipe, tokenizer = place.experiment.recipe_of("full"), load_tokenizer(base)
    form = Form(tokenizer, recipe.examples.asked, recipe.prompt)
    [row] = read_examples(form, [PAIR], recipe.examples, max_length=256).rows
    read = read_by(place)
    assert read.models == ["full", "lora"]
    assert "".join(text for text, _ in read.trained) == tokenizer.decode(row["input_ids"])
    counted = [label != MASKED for label in row["labels"]]
    assert [counts for _, counts in read.trained] == [False, *counted[1:]]


def test_the_question_is_read_as_it_is_when_the_model_is_asked(base):
    place = layout(base)
    tokenizer, recipe = load_tokenizer(base), place.experiment.recipe_of("full")
    [(tokens, _)] = Form(tokenizer, "prompt", recipe.prompt).tokens([PAIR])
    [question] = read_by(place).asked
    assert len(question.tokens) == len(tokens)
    assert "".join(text for text, _ in question.tokens) == tokenizer.decode(tokens)
    assert (question.of, question.cut, question.unfit) == (1, 0, 0)


def test_what_is_too_long_is_counted(base):
    read = read_by(layout(base), replace(PAIR, context="the next cache miss " * 200))
    assert read.cut == 1 and read.asked[0].cut == 1
    assert len(read.trained) <= read.most and len(read.asked[0].tokens) <= read.room


def test_a_base_that_is_not_there_is_said_to_be_and_the_prompt_is_shown(tmp_path):
    read = read_by(layout(tmp_path / "none"))
    assert "base is missing" in read.missing and PAIR.question in read.prompt and not read.trained


def test_a_terminal_obeys_nothing_of_what_is_shown():
    text = marked([("a\x1b]0;title\x07", False), ("b\x1b[2J", True), ("\u202ec", False)], BRACKETS)
    assert text == "a\\x1b]0;title\\x07⟦b\\x1b[2J⟧\\u202ec"
