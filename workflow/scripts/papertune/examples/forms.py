"""Forms: the texts that pairs become, the same in training and when the model is asked."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from papertune.errors import TrainingError
from papertune.examples.packing import blocks
from papertune.examples.tokens import Encoded, Examples, encode, labelled, start_tokens
from papertune.jobs import stopping
from papertune.records import Pair
from papertune.study.prompts import QUESTION, answer_prompt
from papertune.study.settings import ExampleForm

CHAT = "examples.variant: chat"  # where an error is


class Form:
    """How a model is asked, and so what comes before and after an answer in training.

    By ``prompt`` (the template), ``question`` alone, or ``chat`` (the template as a user's turn).

    Raises:
        TrainingError: ``chat`` with a tokenizer that has no chat template, or one that writes
            otherwise when it asks than when it shows an answer.
    """

    def __init__(self, tokenizer: Any, asked: str, template: str) -> None:
        self.tokenizer, self.asked, self.template = tokenizer, asked, template
        self.start, self.end = start_tokens(tokenizer), [tokenizer.eos_token_id]
        self.lead = " "
        if asked == "chat":
            self.start = []  # the template writes it itself
            self.lead, after = _around_an_answer(tokenizer)
            end = list(tokenizer(after, add_special_tokens=False)["input_ids"])
            self.end = end + [t for t in self.end if end[-1:] != [t]]

    def tokens(self, pairs: Iterable[Pair]) -> Iterator[Encoded]:
        """What the model reads before each answer, and the answer: in training as when it is asked."""
        texts = ((self.prompt(pair), self.completion(pair)) for pair in pairs)
        return encode(self.tokenizer, texts, self.start)

    def prompt(self, pair: Pair) -> str:
        """What the model reads before it answers."""
        text = answer_prompt(QUESTION if self.asked == "question" else self.template, pair)
        return _chat(self.tokenizer, text) if self.asked == "chat" else text

    def completion(self, pair: Pair) -> str:
        """What the model is to write."""
        return self.lead + (pair.answer.strip() if self.asked == "chat" else pair.answer)


@stopping.at_once()
def read_examples(
    form: Form, pairs: Iterable[Pair], settings: ExampleForm, *, max_length: int
) -> Examples:
    """What training reads of pairs, for a model that will be asked in the form.

    ``settings`` say which texts, what of them the loss counts, and how they are packed.
    """
    encoded = form.tokens(pairs)
    if settings.variant in ("answer", "separate"):
        read = [lambda pair: pair.question] * (settings.variant == "separate") + [form.completion]
        texts = (("", text(pair)) for pair in pairs for text in read)
        encoded = encode(form.tokenizer, texts, form.start)
    length = min(settings.length or max_length, max_length)
    # a text may be of any length where all are joined and cut
    most = 1 << 30 if settings.packing == "blocks" else max_length
    loss = "all" if settings.loss == "all" else "completion"
    found = labelled(form.tokenizer, encoded, max_length=most, loss=loss, end=form.end)
    if settings.packing == "blocks":
        return replace(found, rows=blocks(found.rows, length))
    return replace(found, packed=length if settings.packing == "whole" else None)


def request_tokens(tokenizer: Any, prompt: str) -> list[int]:
    """A request to a generator's model: one user turn of its chat template, plain without one.

    There is no system turn: some templates (Gemma's) refuse it.
    """
    if not getattr(tokenizer, "chat_template", None):
        return [*start_tokens(tokenizer), *tokenizer(prompt, add_special_tokens=False)["input_ids"]]
    turns = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _chat(tokenizer: Any, prompt: str, answer: str | None = None) -> str:
    """One user's turn in the tokenizer's chat template, then the model's or the beginning of it."""
    turns = [{"role": "user", "content": prompt}]
    if answer is not None:
        turns.append({"role": "assistant", "content": answer})
    # Qwen 3: the answer follows at once; Llama 3 would write today's date
    how = {"enable_thinking": False, "date_string": "26 Jul 2024"}
    how |= {"tokenize": False, "add_generation_prompt": answer is None}
    return str(tokenizer.apply_chat_template(turns, **how))


def _around_an_answer(tokenizer: Any) -> tuple[str, str]:
    """What a chat template puts between its prompt and an answer, and after the answer."""
    if not getattr(tokenizer, "chat_template", None):
        what = f"the tokenizer of {tokenizer.name_or_path} has no chat template"
        hint = "take a base that was tuned to chat, or another variant"
        raise TrainingError(what, where=CHAT, hint=hint)
    asked, shown = _chat(tokenizer, "question"), _chat(tokenizer, "question", "answer")
    before, found, after = shown.removeprefix(asked).partition("answer")
    if not shown.startswith(asked) or not found or before.strip():
        what = (
            f"the chat template of {tokenizer.name_or_path} shows an answer otherwise than it asks"
        )
        hint = f"it asks with {asked!r} and shows {shown!r}; take another variant"
        raise TrainingError(what, where=CHAT, hint=hint)
    return before, after.rstrip()
