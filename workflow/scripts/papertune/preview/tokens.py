"""The tokens that a model reads of a pair, from the code of training and answering."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from papertune.answering.generation import room_for
from papertune.errors import PapertuneError
from papertune.examples.forms import Form, read_examples
from papertune.examples.prompts import Fit
from papertune.examples.tokens import MASKED, pad
from papertune.models.loading import context_of, load_config, load_tokenizer
from papertune.preview.pairs import how_to_bring
from papertune.records import Pair
from papertune.study.layout import Layout
from papertune.study.passing import answering_of
from papertune.study.prompts import answer_prompt
from papertune.study.recipe import Recipe

WINDOW = 64  # tokens that are decoded together, so that the time per token is constant

Tokens = list[tuple[str, bool]]  # the text of each token, and whether the loss counts it


@dataclass(frozen=True, slots=True)
class Question:
    """The prompt of a question of some test sets, and the numbers of questions that are too long."""

    sets: list[str]
    tokens: Tokens
    of: int  # number of questions
    cut: int  # questions that lose the end of their text, or old turns
    unfit: int  # questions that do not fit at all


@dataclass(slots=True)
class Reading:
    """What the models of one form and base read; without a tokenizer, only their prompt as text."""

    base: str
    models: list[str] = field(default_factory=list)
    prompt: str = ""  # the prompt of a test question, as text
    trained: Tokens = field(default_factory=list)  # a training example
    most: int = 0  # most tokens of an example
    examples: int = 0  # number of pairs, then of those that are cut and left out
    cut: int = 0
    left_out: int = 0
    asked: list[Question] = field(default_factory=list)
    room: int | None = None  # most tokens of a prompt; None: the model has no limit
    missing: str = ""  # why there are no tokens


def readings(layout: Layout, pairs: Mapping[str, Sequence[Pair]]) -> list[Reading]:
    """What models read of some pairs, given by writer; models that read the same share an entry."""
    study, found = layout.experiment, dict[Any, Reading]()
    for model, chosen in study.models.items():
        recipe = study.recipe_of(model)
        most = recipe.training.max_length if model in study.trained else None
        data = study.datasets_of(model) if model in study.trained else None
        key = (chosen.base, recipe.prompt, recipe.examples.model_dump_json(), most, str(data))
        if key not in found:
            found[key] = Reading(chosen.base)
            try:
                _read(found[key], layout, model, pairs)
            except PapertuneError as error:
                found[key].missing = str(error)
        found[key].models.append(model)
    return list(found.values())


def _read(read: Reading, layout: Layout, model: str, pairs: Mapping[str, Sequence[Pair]]) -> None:
    study, base, recipe = (
        layout.experiment,
        Path(layout.base(model)),
        layout.experiment.recipe_of(model),
    )
    every = list(chain.from_iterable(pairs.values()))
    by_template: dict[str, list[str]] = {}
    for name in study.test_set_names:
        by_template.setdefault(study.asked_template(name, model), []).append(name)

    def asked(sets: list[str]) -> list[Pair]:
        writers = dict.fromkeys(study.sets[name].generator for name in sets)
        return [pair for name in writers for pair in pairs.get(name, ())] or every

    template, sets = next(iter(by_template.items()))
    read.prompt = str(answer_prompt(template, asked(sets)[0]))
    if not (base / "config.json").exists():
        read.missing = f"the base is missing; get it with {how_to_bring(study.bases[read.base])}"
        return
    tokenizer, config = load_tokenizer(base), load_config(base)
    if model in study.trained:
        own = chain.from_iterable(pairs.get(name, ()) for name in study.datasets_of(model))
        _example(read, tokenizer, config, recipe, list(own) or every)
    for template, sets in by_template.items():
        some, form = asked(sets), Form(tokenizer, recipe.examples.asked, template)
        read.room, _ = room_for(config, answering_of(study, sets[0]).max_new_tokens)
        fit = Fit(read.room, 0)
        encoded = list(form.tokens(some, fit))
        tokens = [(text, False) for text in _texts(tokenizer, encoded[0][0])]
        left_over = len(fit.cut | fit.forgot), len(fit.unfit)
        read.asked.append(Question(sets, tokens, len(some), *left_over))


def _example(
    read: Reading, tokenizer: Any, config: Any, recipe: Recipe, pairs: Sequence[Pair]
) -> None:
    """Fill in the training example: the tokens of the first pair, and which the loss counts."""
    longest = min(recipe.training.max_length, context_of(config) or 1 << 30)
    form = Form(tokenizer, recipe.examples.asked, recipe.prompt)
    examples = read_examples(form, pairs, recipe.examples, max_length=longest)
    read.most, read.examples = longest, len(pairs)
    read.cut, read.left_out = examples.cut, examples.rejected
    if examples.rows:
        row = examples.rows[0]
        # labels as in a batch, where tokens that nothing predicts are masked
        labels = pad([row], tokenizer.pad_token_id)["labels"][0].tolist()
        counted = [label != MASKED for label in labels]
        read.trained = list(zip(_texts(tokenizer, row["input_ids"]), counted, strict=True))


def _texts(tokenizer: Any, tokens: list[int]) -> list[str]:
    """The text of each token; a character of several tokens belongs to the last of them."""
    texts, before, begun = [], "", 0
    for place in range(1, len(tokens) + 1):
        whole = tokenizer.decode(tokens[begun:place], clean_up_tokenization_spaces=False)
        if whole.endswith("\ufffd") and place < len(tokens):
            texts.append("")
            continue
        texts.append(whole[len(before) :])
        before = whole
        if place - begun >= WINDOW:  # keep the text that is decoded again for each token short
            begun, before = place - 1, tokenizer.decode(tokens[place - 1 : place])
    return texts
