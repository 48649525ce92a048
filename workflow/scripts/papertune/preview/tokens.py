"""What a model reads of a pair, token by token, by the code that trains and asks."""

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

WINDOW = 64  # tokens that are decoded together, so that long texts take no longer for each token

Tokens = list[tuple[str, bool]]  # the text of each token, and whether the loss counts it


@dataclass(frozen=True, slots=True)
class Question:
    """The prompt of a question of some test sets, and how many of all are too long."""

    sets: list[str]
    tokens: Tokens
    of: int
    cut: int
    unfit: int


@dataclass(slots=True)
class Reading:
    """What the models of one form and one base read; without a tokenizer their prompt alone."""

    base: str
    models: list[str] = field(default_factory=list)
    prompt: str = ""  # of a test question, as a text
    trained: Tokens = field(default_factory=list)  # an example of training
    most: int = 0  # tokens of an example at most
    examples: int = 0  # pairs that were read, and how many were too long
    cut: int = 0
    left_out: int = 0
    asked: list[Question] = field(default_factory=list)
    room: int | None = None  # tokens of a prompt at most; None where the model has no limit
    missing: str = ""  # why there are no tokens


def readings(layout: Layout, pairs: Mapping[str, Sequence[Pair]]) -> list[Reading]:
    """What models read of some pairs, by their writers; models that read the same are one entry."""
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
        read.missing = f"base not there: {how_to_bring(study.bases[read.base])}"
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
    """As training reads pairs: what the loss counts of the first."""
    longest = min(recipe.training.max_length, context_of(config) or 1 << 30)
    form = Form(tokenizer, recipe.examples.asked, recipe.prompt)
    examples = read_examples(form, pairs, recipe.examples, max_length=longest)
    read.most, read.examples = longest, len(pairs)
    read.cut, read.left_out = examples.cut, examples.rejected
    if examples.rows:
        row = examples.rows[0]
        # as a batch has them: what nothing predicts counts for no loss
        labels = pad([row], tokenizer.pad_token_id)["labels"][0].tolist()
        counted = [label != MASKED for label in labels]
        read.trained = list(zip(_texts(tokenizer, row["input_ids"]), counted, strict=True))


def _texts(tokenizer: Any, tokens: list[int]) -> list[str]:
    """The text of each token; of characters that several tokens make, all stands in the last."""
    texts, before, begun = [], "", 0
    for place in range(1, len(tokens) + 1):
        whole = tokenizer.decode(tokens[begun:place], clean_up_tokenization_spaces=False)
        if whole.endswith("\ufffd") and place < len(tokens):
            texts.append("")
            continue
        texts.append(whole[len(before) :])
        before = whole
        if place - begun >= WINDOW:  # what is decoded anew for each token stays short
            begun, before = place - 1, tokenizer.decode(tokens[place - 1 : place])
    return texts
