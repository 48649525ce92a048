"""A conversation with two models: each reads its training prompt and its own earlier answers."""

import logging
import threading
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from papertune.answering.generation import Sampling, generate, room_for
from papertune.answering.kept import key_of
from papertune.chat.choices import Choices, Listed, Side
from papertune.errors import PapertuneError
from papertune.examples.forms import Form
from papertune.examples.prompts import Fit
from papertune.models.loading import load_model, load_tokenizer
from papertune.records import Pair

log = logging.getLogger("papertune")


@dataclass(frozen=True, slots=True)
class Asked:
    """The prompt of one side."""

    pair: Pair
    tokens: list[int]
    lost: str  # what was cut from a prompt that was too long, in words


class Answerer:
    """One side with its weights; it builds prompts and generates as the answering jobs do."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.model = load_model(side.folder, base=side.base)
        own = side.base is None or (side.folder / "tokenizer_config.json").exists()
        self.tokenizer = load_tokenizer(side.folder if own or side.base is None else side.base)

    def read(self, template: str, pair: Pair, most: int) -> Asked:
        """Build the model's prompt for a pair, leaving room for ``most`` new tokens.

        Raises:
            PapertuneError: the question is too long for the model.
        """
        room, _ = room_for(self.model.config, most)
        fit = Fit(room, 0)
        [(tokens, _)] = self._form(template).tokens([pair], fit)
        if fit.unfit:
            what = f"the question is too long for the model, which has room for {room} tokens"
            raise PapertuneError(what, where=self.side.label, hint="ask a shorter one")
        lost = "the end of the document" * bool(fit.cut) or "earlier turns" * bool(fit.forgot)
        return Asked(pair, tokens, lost)

    def shown(self, asked: Asked) -> str:
        """The prompt as text."""
        return str(self.tokenizer.decode(asked.tokens))

    def answer(self, template: str, asked: Asked, sampling: Sampling) -> Iterator[str]:
        """Yield the growing answer, complete at the end; closing the iterator stops generation."""
        said = self._form(template).said
        heard: SimpleQueue[str | None] = SimpleQueue()
        over = threading.Event()

        def hear(text: str) -> bool:
            heard.put(text)
            return not over.is_set()

        row = [(key_of(template, asked.pair), asked.tokens)]
        with ThreadPoolExecutor(1) as apart:
            job = apart.submit(generate, self.model, self.tokenizer, row, sampling, hear)
            job.add_done_callback(lambda _: heard.put(None))
            try:
                while (text := heard.get()) is not None:
                    yield said(text)
                yield said(job.result()[0].text)
            finally:
                over.set()

    def _form(self, template: str) -> Form:
        return Form(self.tokenizer, self.side.asked, template)


class Loaded:
    """The loaded models; weights needed by several conversations are loaded once."""

    def __init__(self) -> None:
        self._held: dict[Side, Answerer] = {}

    @property
    def none(self) -> bool:
        """Whether nothing is loaded yet."""
        return not self._held

    def __call__(self, side: Side, among: Collection[Side]) -> Answerer:
        """Return one side, loaded; models not ``among`` the needed sides are first unloaded.

        Raises:
            PapertuneError: the model cannot be loaded, or does not fit into the GPU's memory.
        """
        from torch.cuda import OutOfMemoryError, empty_cache

        self._held = {held: one for held, one in self._held.items() if held in among}
        if side not in self._held:
            log.info("loading %s", side.label)
            empty_cache()
            try:
                self._held[side] = Answerer(side)
            except OutOfMemoryError:
                hint = "take a larger GPU, or ask one alone: TERMINAL=1, and there /base"
                what = "the GPU's memory does not hold what is asked"
                raise PapertuneError(what, where=side.label, hint=hint) from None
        return self._held[side]


@dataclass
class Conversation:
    """A conversation of several turns with a model and its baseline, with or without a document."""

    choices: Choices
    model: str
    seed: int
    about: Listed | None = None
    turns: list[tuple[str, list[str]]] = field(default_factory=list)  # question, answer of each

    @property
    def sides(self) -> tuple[Side, Side]:
        """The two sides: the baseline and the model."""
        return self.choices.sides(self.model, self.seed)

    @property
    def template(self) -> str:
        """The prompt template."""
        return self.choices.template(self.model, self.about)

    def pair(self, question: str, place: int) -> Pair:
        """The pair to ask one side, with that side's own earlier answers."""
        study = self.choices.study
        before = [[asked, answers[place]] for asked, answers in self.turns]
        text = self.choices.text(self.about) if self.about else ""
        own: dict[str, Any] = {"instruction": study.instruction, "context": text, "before": before}
        return Pair("", "", 0, question=question, answer="", generator="chat", **own)

    def ask(self, question: str, loaded: Loaded, only: int | None = None) -> "Iterator[Turn]":
        """Both sides answer in turn; yields the growing turn, which is kept once it is complete.

        Args:
            only: Index of the only side to answer; both answer if it is None.

        Raises:
            PapertuneError: a model cannot be loaded, or the question is too long for it.
        """
        turn = Turn(question, ["", ""], ["", ""], self.choices.filtered(question))
        template, answering = self.template, self.choices.study.answering
        sampling = Sampling(answering.max_new_tokens, answering.temperature)
        yield turn
        asked_now = [side for place, side in enumerate(self.sides) if only in (None, place)]
        for place, side in enumerate(self.sides):
            if side in asked_now:
                one = loaded(side, asked_now)
                asked = one.read(template, self.pair(question, place), sampling.max_new_tokens)
                turn.read[place] = one.shown(asked)
                if asked.lost:
                    turn.notes.append(f"{one.side.label} has no room for {asked.lost}.")
                for text in one.answer(template, asked, sampling):
                    turn.answers[place] = text
                    yield turn
        self.turns.append((question, turn.answers))


@dataclass
class Turn:
    """One question in progress: each side's prompt and its answer so far."""

    question: str
    answers: list[str]
    read: list[str]
    filtered: str
    notes: list[str] = field(default_factory=list)

    @property
    def note(self) -> str:
        """Remarks shown beside the answers."""
        return "\n".join(filter(None, [self.filtered, *self.notes]))
