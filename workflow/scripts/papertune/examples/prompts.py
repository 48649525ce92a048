"""Prompts as tokens, shortened where they are too long.

Training, answering, judging and question writing all use this module, so they cannot differ.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from papertune.errors import TrainingError
from papertune.examples.control import Encoder
from papertune.examples.tokens import start_tokens
from papertune.study.prompts import MARK, Prompt
from papertune.study.turns import Turn

# a fixed date for templates that ask for today's, so that prompts are the same every day
TODAY = datetime(2024, 7, 26)
WORD = 40  # longest word in characters; longer ones may be cut anywhere


class Prompts:
    """Encodes prompts for a tokenizer: as texts, or as turns of its chat template.

    A prompt without turns is one user turn. ``how`` are arguments of the chat template.
    """

    def __init__(self, tokenizer: Any, *, chat: bool, **how: Any) -> None:
        self.tokenizer, self.chat, self.how = tokenizer, chat, how
        self.encoder = Encoder(tokenizer)
        # a chat template writes the beginning-of-sequence token itself
        self.start = [] if chat else start_tokens(tokenizer)
        self._chats: dict[tuple[Turn, ...], str] = {}  # many prompts have the same frame

    def __call__(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Token ids of each prompt."""
        return [[*self.start, *tokens] for tokens in self.encoder([*map(self._pieces, prompts)])]

    def text(self, prompt: Prompt) -> str:
        """A prompt as one text, as another program's tokenizer may be given it."""
        return "".join(text for text, _ in self._pieces(prompt))

    def _pieces(self, prompt: Prompt) -> list[tuple[str, bool]]:
        return prompt.pieces(self.chatted if self.chat else None)

    def chatted(self, turns: tuple[Turn, ...]) -> str:
        """Turns in the chat template, with the beginning of the model's turn."""
        if turns not in self._chats:
            begun = turns[-1].role == "assistant"
            how = {**self.how, "continue_final_message": begun}
            made = self._chats[turns] = in_chat(self.tokenizer, turns, **how)
            if any(mark[0] not in made for turn in turns for mark in MARK.finditer(turn.text)):
                what = "leaves out or changes the text of the user's turn"
                where = f"the chat template of {self.tokenizer.name_or_path}"
                raise TrainingError(what, where=where, hint="take a base with another template")
        return self._chats[turns]

    def within(self, prompt: Prompt, room: int) -> list[int] | None:
        """Token ids of a prompt whose context is cut at the end to fit into ``room`` tokens.

        It loses no more than necessary, up to the end of a word. ``None`` if the prompt is too long
        even without context.
        """
        text = prompt.context

        def cut(end: int) -> list[int]:
            return self([prompt.with_context(text[:end].rstrip())])[0]

        def size(end: int) -> int:
            return len(cut(end))

        ends = [0, *(word.end() for word in re.finditer(r"\S+", text))]
        fits = bisect_right(ends, room, key=size) - 1
        if fits < 0:
            return None
        end, over = ends[fits], ends[min(fits + 1, len(ends) - 1)]
        if over - end > WORD:  # not a word, but a text without blanks
            end += bisect_right(range(end + 1, over), room, key=size)
        return cut(end)


@dataclass(slots=True)
class Fit:
    """The limit of tokens of prompts, and a record of the prompts that exceeded it.

    ``most`` limits prompt and continuation together (``None``: no limit). ``kept`` tokens are reserved
    for the continuation (``None``: as many as the reference answer and its end have).
    """

    most: int | None = None
    kept: int | None = None
    cut: set[int] = field(default_factory=set)  # indices of prompts with a shortened context
    forgot: set[int] = field(default_factory=set)  # indices of those without their oldest turns
    unfit: set[int] = field(default_factory=set)  # indices of those too long without any context
    seen: int = 0

    def __call__(
        self, prompts: Prompts, prompt: Prompt, tokens: list[int], follow: int
    ) -> list[int]:
        """Token ids of a prompt, shortened if necessary; empty if it cannot fit."""
        place, self.seen = self.seen, self.seen + 1
        room = (
            None if self.most is None else self.most - (follow if self.kept is None else self.kept)
        )
        if room is None or len(tokens) <= room:
            return tokens
        while prompt.before:
            prompt = prompt.forgetting(1)
            tokens = prompts([prompt])[0]
            self.forgot |= {place}
            if len(tokens) <= room:
                return tokens
        found = prompts.within(prompt, room)
        (self.cut if found is not None else self.unfit).add(place)
        return found or []


def in_chat(tokenizer: Any, turns: tuple[Turn, ...], **how: Any) -> str:
    """Turns in the tokenizer's chat template; the model's turn is begun unless it has the last one.

    If the template supports no system turn (Gemma's refuses it, others leave it out), its text comes
    before the first user turn's.
    """
    from jinja2 import TemplateError

    dates = {"date_string": f"{TODAY:%d %b %Y}", "strftime_now": TODAY.strftime}
    asked = turns[-1].role != "assistant"
    how = {**dates, **how, "tokenize": False, "add_generation_prompt": asked}

    def made(turns: tuple[Turn, ...]) -> str:
        given = [{"role": turn.role, "content": turn.text} for turn in turns]
        return str(tokenizer.apply_chat_template(given, **how))

    if turns[0].role == "system":
        with suppress(TemplateError):
            if turns[0].text.strip() in (chat := made(turns)):
                return chat
        first = turns[1]._replace(text=f"{turns[0].text}\n\n{turns[1].text}")
        turns = (first, *turns[2:])
    return made(turns)
