"""The same chat in a terminal or through a pipe: questions, and commands that begin with /."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TextIO

from papertune.chat.choices import Choices, Listed
from papertune.chat.conversation import Conversation, Loaded
from papertune.errors import PapertuneError, one_line, shown
from papertune.study.settings.notation import nearest

COMMANDS = {
    "document": "WORDS of a title, or the number in the last list: ask about this document",
    "none": "ask without a document",
    "model": "NAME: take another model",
    "seed": "NUMBER: take another repetition of its training",
    "base": "switch the baseline's answers on or off",
    "read": "show the prompt of the last answer",
    "again": "start a new conversation",
    "help": "list these commands",
    "quit": "end the chat, as Ctrl-D does",
}


@dataclass
class Terminal:
    """A conversation in a terminal, line by line."""

    choices: Choices
    talk: Conversation
    out: TextIO = field(default_factory=lambda: sys.stdout)
    loaded: Loaded = field(default_factory=Loaded)
    both: bool = True
    found: list[Listed] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    def run(self, lines: Callable[[], str]) -> None:
        """Answer line by line; ``lines`` returns the next line, and raises EOFError at the end."""
        self._help()
        while True:
            try:
                line = lines().strip()
            except EOFError:
                return
            try:
                if line in ("/quit", "/q"):
                    return
                if line.startswith("/"):
                    name, _, given = line[1:].partition(" ")
                    self._command(name, given.strip())
                elif line:
                    self._ask(line)
            except PapertuneError as error:
                self._say(str(error))

    def _ask(self, question: str) -> None:
        sides = self.talk.sides
        told, last = dict[int, str](), None
        for last in self.talk.ask(question, self.loaded, None if self.both else 1):
            for place, text in enumerate(last.answers if self.out.isatty() else ()):
                grown = text.rstrip("\ufffd")  # the first bytes of a character
                if grown and grown.startswith(told.get(place, "")):
                    if place not in told:
                        self._write(f"\n{sides[place].label}: ")
                    self._write(shown(grown.removeprefix(told.get(place, ""))))
                    told[place] = grown
        assert last is not None
        self.read = last.read
        for place, side in enumerate(sides):
            if place in told:
                self._write(shown(last.answers[place].removeprefix(told[place])))
            elif self.both or place:
                self._say(f"{side.label}: {last.answers[place] or '(nothing)'}")
        if told:
            self._write("\n")
        if last.note:
            self._say(last.note)

    def _command(self, name: str, given: str) -> None:
        if name == "document":
            self._choose(given)
        elif name == "model":
            model = self.choices.model(given)
            self._begin(model=model, seed=self.choices.seed(model, None))
        elif name == "seed":
            number = int(given) if given.isdecimal() else -1
            self._begin(seed=self.choices.seed(self.talk.model, number))
        elif name == "none":
            self._begin(about=None)
        elif name == "again":
            self._begin()
        elif name == "base":
            self.both = not self.both
            self._say("both answer" if self.both else f"{self.talk.sides[1].label} answers alone")
        elif name == "read":
            for side, text in zip(self.talk.sides, self.read, strict=False):
                if text:
                    self._say(f"{side.label} read:\n{text}")
        elif name == "help":
            self._help()
        else:
            self._say(f"no command /{name}{nearest(name, COMMANDS)}; /help lists them")

    def _choose(self, given: str) -> None:
        """Choose the document whose title contains the words; list them if there are several."""
        if given.isdecimal() and 0 < int(given) <= len(self.found):
            self._begin(about=self.found[int(given) - 1])
            return
        self.found = self.choices.find(given)
        if len(self.found) == 1:
            self._begin(about=self.found[0])
            return
        for number, one in enumerate(self.found, start=1):
            self._say(f"{number:4} {one}")
        some = "/document NUMBER takes one of them" if self.found else "no title has these words"
        self._say(some)

    def _begin(self, **changes: object) -> None:
        self.talk = replace(self.talk, turns=[], **changes)  # type: ignore[arg-type]
        if self.talk.about and not self.choices.reads(self.talk.model):
            self.talk.about = None
            self._say("the prompt of this model includes no document")
        self._say(self._of())

    def _of(self) -> str:
        base, tuned = self.talk.sides
        about = f"about {self.talk.about}" if self.talk.about else "about no document"
        return f"{tuned.label}, beside {base.label}; {about}"

    def _help(self) -> None:
        for name, what in COMMANDS.items():
            self._say(f"/{name:9} {what}")
        self._say(self._of())

    def _say(self, text: str) -> None:
        self._write(shown(text) + "\n")

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()


def lines_of(given: TextIO) -> Callable[[], str]:
    """Return a reader of lines, with line editing in a terminal."""
    if given.isatty():
        import readline  # noqa: F401  (line editing for `input`)

        return lambda: input("\n> ")

    def line() -> str:
        if not (text := given.readline()):
            raise EOFError
        return one_line(text)

    return line
