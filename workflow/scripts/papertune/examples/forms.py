"""Forms: the texts that pairs become, the same in training and in answering."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from papertune.errors import TrainingError
from papertune.examples.packing import blocks
from papertune.examples.prompts import Fit, Prompts, in_chat
from papertune.examples.tokens import AT_ONCE, Encoded, Examples, encode, labelled
from papertune.jobs import stopping
from papertune.records import Pair
from papertune.sentences import edged
from papertune.study.prompts import QUESTION, answer_prompt
from papertune.study.settings import ExampleForm
from papertune.study.turns import Turn, as_text, turns_in

CHAT = "examples.variant: chat"  # the place in errors
QWEN: dict[str, Any] = {"enable_thinking": False}  # so that the answer follows at once

log = logging.getLogger(__name__)


class Form:
    """The form in which a model is asked, and thus what surrounds an answer in training.

    ``asked`` is ``prompt`` (the template), ``question`` (alone), or ``chat`` (the template as a user's
    turn).

    Raises:
        TrainingError: ``chat`` with a tokenizer without a chat template, or with a template that
            writes a different prompt before an answer than for generation.
    """

    def __init__(self, tokenizer: Any, asked: str, template: str) -> None:
        self.tokenizer, self.asked = tokenizer, asked
        self.template = QUESTION if asked == "question" else template
        # no second blank if the template ends with one
        self.lead = "" if as_text(turns_in(self.template))[-1:].isspace() else " "
        self.end = [tokenizer.eos_token_id]
        if asked == "chat":
            self.lead, after = _around_an_answer(tokenizer)
            end = list(tokenizer(after, add_special_tokens=False)["input_ids"])
            self.end = end + [t for t in self.end if end[-1:] != [t]]
        self.prompts = Prompts(tokenizer, chat=asked == "chat", **QWEN)

    def tokens(self, pairs: Iterable[Pair], fit: Fit | None = None) -> Iterator[Encoded]:
        """Token ids of each prompt and its answer, the same in training and in answering.

        A prompt that cannot ``fit`` has no tokens.
        """
        rest, fit = iter(pairs), Fit() if fit is None else fit
        while some := list(islice(rest, AT_ONCE)):
            asked = [answer_prompt(self.template, pair) for pair in some]
            answers = self.prompts.encoder([[(self.completion(pair), True)] for pair in some])
            for prompt, tokens, answer in zip(asked, self.prompts(asked), answers, strict=True):
                yield fit(self.prompts, prompt, tokens, len(answer) + len(self.end)), answer

    def said(self, text: str) -> str:
        """The answer in a text that a model wrote."""
        return edged(text.removeprefix(self.lead))

    def length(self, tokens: list[int]) -> int:
        """Length in characters of the answer in the tokens of a completion."""
        return len(self.said(self.tokenizer.decode(tokens, skip_special_tokens=True)))

    def completion(self, pair: Pair) -> str:
        """The text that the model should write."""
        return self.lead + (edged(pair.answer) if self.asked == "chat" else pair.answer)


@stopping.at_once()
def read_examples(
    form: Form, pairs: Iterable[Pair], settings: ExampleForm, *, max_length: int
) -> Examples:
    """The training examples of pairs, for a model that will be asked in this form.

    ``settings`` say which texts, which tokens the loss counts, and how rows are packed.
    """
    length = min(settings.length or max_length, max_length)
    # a text may have any length if all are joined and cut into blocks
    most = 1 << 30 if settings.packing == "blocks" else max_length
    fit = Fit(most)
    asked = enumerate(form.tokens(pairs, fit))
    encoded: Iterator[Encoded] = (one for place, one in asked if place not in fit.unfit)
    if settings.variant in ("answer", "separate"):
        read = [lambda pair: pair.question] * (settings.variant == "separate") + [form.completion]
        texts = (("", text(pair)) for pair in pairs for text in read)
        encoded = encode(form.tokenizer, texts, form.prompts.start)
    loss = "all" if settings.loss == "all" else "completion"
    found = labelled(form.tokenizer, encoded, max_length=most, loss=loss, end=form.end)
    found = replace(found, cut=len(fit.cut | fit.forgot), rejected=found.rejected + len(fit.unfit))
    for count, what in (
        (len(fit.forgot), "lose the oldest turns of their conversation"),
        (len(fit.cut), "lose the end of their context"),
        (found.rejected, "are left out"),
    ):
        if count:
            log.warning("%d examples of over %d tokens %s", count, most, what)
    if settings.packing == "blocks":
        return replace(found, rows=blocks(found.rows, length))
    return replace(found, packed=length if settings.packing == "whole" else None)


def _around_an_answer(tokenizer: Any) -> tuple[str, str]:
    """What a chat template puts between its prompt and an answer, and after the answer."""
    if not getattr(tokenizer, "chat_template", None):
        what = f"the tokenizer of {tokenizer.name_or_path} has no chat template"
        hint = "take a base that was tuned to chat, or another variant"
        raise TrainingError(what, where=CHAT, hint=hint)
    asking, answering = Turn("user", "question"), Turn("assistant", "answer")
    asked, shown = (in_chat(tokenizer, turns, **QWEN) for turns in ((asking,), (asking, answering)))
    before, found, after = shown.removeprefix(asked).partition("answer")
    if not shown.startswith(asked) or not found or before.strip():
        what = (
            f"the chat template of {tokenizer.name_or_path} writes another prompt before an answer"
        )
        hint = f"it asks with {asked!r} and writes {shown!r}; take another variant"
        raise TrainingError(what, where=CHAT, hint=hint)
    return before, after.rstrip()
