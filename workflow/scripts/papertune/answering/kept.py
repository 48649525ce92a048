"""How the store keeps an answer: its value, its key, and the record made from it."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from papertune.identity import digest
from papertune.records import Answer, Pair, PromptState
from papertune.study.prompts import answer_prompt

Count = Annotated[int, Field(ge=0, lt=2**31)]


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer in the store; likelihoods as in :class:`papertune.records.Answer`."""

    text: str
    new_tokens: Count
    truncated: bool
    reference_nll: float
    reference_tokens: Count
    prompt: PromptState
    reference_read: Count | None = None


def key_of(prompt: str, pair: Pair) -> str:
    """The store's key of an answer: a hash of what the model reads, and of the reference answer."""
    said = [pair.before] if pair.before else []  # plain text may hide the turns of a chat
    return digest([str(answer_prompt(prompt, pair)), pair.answer, *said])


def answer_of(pair: Pair, text: str, **facts: Any) -> Answer:
    """The record of an answer to a pair's question."""
    return Answer(
        pair=pair.id, document=pair.document, year=pair.year, question=pair.question,
        reference=pair.answer, text=text, check=pair.check, entry_point=pair.entry_point, **facts,
    )  # fmt: skip
