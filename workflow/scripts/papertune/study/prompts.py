"""Prompt templates: text files with ``$names``, filled without evaluating anything."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template

from papertune.errors import SettingsError
from papertune.records import Pair
from papertune.study.nearby import near_names
from papertune.study.settings import Generator, OpenAIGenerator, PromptedGenerator
from papertune.study.turns import Turn, as_text, turns_in

# what a model of the variant ``qa`` reads: the question alone, in the form of the answer prompt
QUESTION = "Question: $question\nAnswer:"
ANSWER_FIELDS = ("instruction", "context", "question")
GENERATOR_FIELDS = ("title", "text", "pairs", "sentence")
MARK = re.compile("\ue000(\\w+)\ue001")  # placeholder of a value while the frame is made
CONTEXT = ("context", "text")  # values that are shortened in a prompt that is too long
OWN = "name a template of workflow/prompts, or a file of yours"
WORKFLOW = Path(__file__).resolve().parents[4]  # the folder of the workflow and its own prompts


class TemplateError(SettingsError):
    """A template that cannot be used; ``given`` is its path as the user wrote it."""

    def __init__(self, what: str, given: str, hint: str) -> None:
        super().__init__(what, where=given, hint=hint)
        self.given = given


def read_template(path: str | Path, fields: tuple[str, ...]) -> str:
    """The text of a template file, including trailing blanks and newlines, which a model reads, too.

    A byte-order mark is left out, and line endings are unified.

    Args:
        path: As the user gave it; if there is no such file, one of the workflow.

    Raises:
        TemplateError: no such file, not UTF-8, a name that is not in ``fields``, or turns that make
            no chat (:mod:`papertune.study.turns`).
    """
    given, path = str(path), template_path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        near = next(filter(None, map(near_names, (Path(given), path))), "")
        hint = f"it was looked for in {Path.cwd()}, then in the workflow's folder; {OWN}"
        raise TemplateError(f"no such file{near}", given, hint) from None
    except OSError as error:
        raise TemplateError(f"cannot be read: {error.strerror}", given, OWN) from None
    except UnicodeDecodeError:
        raise TemplateError("it is not UTF-8", given, "save it as UTF-8") from None
    hint = f"names are {', '.join(f'${name}' for name in fields)}; write $$ for a dollar sign"
    template = Template(text)
    if not template.is_valid():
        raise TemplateError("a lone $ in the prompt", given, hint)
    if unknown := {*template.get_identifiers()} - {*fields}:
        raise TemplateError(f"unknown name ${min(unknown)} in the prompt", given, hint)
    try:
        turns_in(text, str(path), begun=fields == GENERATOR_FIELDS)
    except SettingsError as error:
        raise TemplateError(f"{error.where}: {error.what}", given, error.hint) from None
    return text


def asking_template(generator: Generator, where: str) -> str:
    """The text of the prompt that a generator's model reads; empty where it reads none.

    Raises:
        SettingsError: as :func:`read_template`; all candidates would be the same; the prompt begins
            the answer, which servers do not continue.
    """
    if not isinstance(generator, PromptedGenerator):
        return ""
    template = read_template(generator.prompt, GENERATOR_FIELDS)
    asked, several = Template(template).get_identifiers(), generator.candidates
    if several > 1 and not generator.decoding.temperature and "sentence" not in asked:
        what = f"{several} candidates at temperature 0 would all be the same text"
        hint = "give decoding a temperature, or take a prompt that uses $sentence"
        raise SettingsError(what, where=f"{where}.candidates", hint=hint)
    served = isinstance(generator, OpenAIGenerator) and not generator.has_folder
    if served and turns_in(template)[-1].role == "assistant":
        what = "the prompt begins the answer, and servers do not continue it"
        hint = "end the file with the user's turn"
        raise SettingsError(what, where=f"{where}.prompt", hint=hint)
    return template


def template_path(path: str | Path) -> Path:
    """The path of a template: as the user gave it, else in the workflow's folder."""
    return Path(path) if Path(path).exists() else WORKFLOW / path


def fill(template: str, values: Mapping[str, object]) -> str:
    """The template with its names replaced; ``$`` in a value is never read as a name."""
    return Template(template).substitute(values)


def answer_prompt(template: str, pair: Pair) -> "Prompt":
    """What a model reads before it writes the answer to a pair's question."""
    values = {name: getattr(pair, name) for name in ANSWER_FIELDS}
    return Prompt(template, values, tuple((question, answer) for question, answer in pair.before))


def _around_question(text: str) -> str:
    """The part of a template around the question: its line, and the end of the template."""
    named = [one for one in Template.pattern.finditer(text) if one["named"] or one["braced"]]
    asked = [n for n, one in enumerate(named) if "question" in (one["named"], one["braced"])]
    if not asked:
        return QUESTION + text[len(text.rstrip()) :]
    at = asked[-1]
    line = text.rfind("\n", 0, named[at].start()) + 1
    start = max(line, named[at - 1].end() if at else 0)
    if named[at] is named[-1]:
        return text[start:].lstrip()
    end = text[named[-1].end() :]
    rest = text[named[at].end() : named[at + 1].start()]
    return text[start : named[at].end()].lstrip() + rest.partition("\n")[0].rstrip() + end


@dataclass(frozen=True, slots=True)
class Prompt:
    """A filled template that tells its own frame from the texts of others in it.

    In a conversation, the template frames the first question. The further answers and questions
    follow, up to the question to be answered.
    """

    template: str
    values: Mapping[str, str]
    before: tuple[tuple[str, str], ...] = ()  # earlier questions and their answers

    def __str__(self) -> str:
        return self._text(self._named)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Its turns, filled; a single user's turn where the template has none."""
        return self._filled(self._named)

    def forgetting(self, turns: int) -> "Prompt":
        """The same prompt without this number of the oldest questions and answers."""
        return replace(self, before=self.before[turns:])

    @property
    def begun(self) -> str:
        """The beginning of the answer, if the prompt gives one; else empty."""
        last = self.turns[-1]
        return last.text if last.role == "assistant" else ""

    @property
    def context(self) -> str:
        """The text that the question is about; it may be shortened, unlike the question."""
        return next((self.values[name] for name in CONTEXT if name in self.values), "")

    def with_context(self, text: str) -> "Prompt":
        """The same prompt with another context."""
        own = {name: text for name in CONTEXT if name in self.values}
        return replace(self, values={**self.values, **own})

    @property
    def _named(self) -> Mapping[str, str]:
        """Its values, and earlier questions and answers as ``question0``, ``answer0``, …"""
        if not self.before:
            return self.values
        questions = (*(question for question, _ in self.before), self.values["question"])
        own = {f"question{n}": question for n, question in enumerate(questions)}
        return {**self.values, **own, **{f"answer{n}": a for n, (_, a) in enumerate(self.before)}}

    def _filled(self, values: Mapping[str, str]) -> tuple[Turn, ...]:
        """Its turns with values filled in; text in a value never begins a turn."""
        first = {**values, "question": values["question0"]} if self.before else values
        turns = [turn._replace(text=fill(turn.text, first)) for turn in turns_in(self.template)]
        for n in range(len(self.before)):
            turns.append(Turn("assistant", values[f"answer{n}"]))
            turns.append(Turn("user", values[f"question{n + 1}"]))
        return tuple(turns)

    def _text(self, values: Mapping[str, str]) -> str:
        """The prompt as one text, for a model without a chat template.

        If the template has no turns, each earlier answer follows its question as the new one will,
        and later questions are framed by :func:`_around_question`.
        """
        turns, own = self._filled(values), turns_in(self.template)
        if not self.before or len(own) > 1:
            return as_text(turns)
        text, frame = turns[0].text, _around_question(own[0].text)
        lead = "" if own[0].text[-1:].isspace() else " "
        for answer, question in zip(turns[1::2], turns[2::2], strict=True):
            text += f"{lead}{answer.text.strip()}\n\n{fill(frame, {'question': question.text})}"
        return text

    def pieces(
        self, framed: Callable[[tuple[Turn, ...]], str] | None = None
    ) -> list[tuple[str, bool]]:
        """Its text in pieces (text, foreign); a foreign piece is a value that others wrote.

        ``framed`` joins the turns to one text, such as a chat template does. It sees placeholders
        instead of values, so no value can change the frame. Blanks around a value belong to the frame,
        which may trim them.
        """
        named = self._named
        own = {name: value.strip() for name, value in named.items()}
        marked = {
            name: value.replace(own[name], f"\ue000{name}\ue001") if own[name] else value
            for name, value in named.items()
        }
        text = framed(self._filled(marked)) if framed else self._text(marked)
        parts = MARK.split(text)
        return [(own[part] if odd % 2 else part, bool(odd % 2)) for odd, part in enumerate(parts)]
