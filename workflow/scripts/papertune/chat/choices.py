"""What an experiment offers for a chat: finished models, documents and the filter."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from string import Template

from papertune.errors import PapertuneError, one_line
from papertune.filter.load import JSON, Filter
from papertune.records import Document, from_dict, object_at, placed_lines
from papertune.study.layout import Layout
from papertune.study.prompts import QUESTION
from papertune.study.settings.notation import nearest

SHOWN = 50  # documents shown by a search


@dataclass(frozen=True, slots=True)
class Listed:
    """A document with a text, and where the text is stored."""

    title: str
    year: int
    path: str
    offset: int

    def __str__(self) -> str:
        return f"{self.title} ({self.year})" if self.year else self.title


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two sides of a chat: a model, or its baseline."""

    label: str
    folder: Path
    base: Path | None  # the folder of an adapter's base
    asked: str  # the form, see papertune.examples.forms.Form


class Choices:
    """The choices in the results of an experiment.

    Raises:
        PapertuneError: the experiment has no finished model.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout, self.study = layout, layout.experiment
        self.models: dict[str, list[int]] = {}
        for (model, seed), folder in layout.models().items():
            if Path(folder, "training.json").exists():
                self.models.setdefault(model, []).append(seed)
        if not self.models:
            raise PapertuneError(
                "no model of this experiment is finished here",
                where=layout.root,
                hint=f"make them: snakemake --config experiments={layout.name}",
            )

    def model(self, name: str) -> str:
        """Return a finished model by name; the first one if the name is empty.

        Raises:
            PapertuneError: there is no such model; the message suggests the nearest name.
        """
        if not name or name in self.models:
            return name or next(iter(self.models))
        known = f"finished are {', '.join(self.models)}"
        if name in self.study.trained:
            what = f"the model {name!r} is not finished"
            make = " ".join(folder for (m, _), folder in self.layout.models().items() if m == name)
            known += f"; make it: snakemake --config experiments={self.layout.name} -- {make}"
        elif name in self.study.models:
            what = f"the model {name!r} is not trained"
            known += ", each beside its baseline"
        else:
            what = f"no model {name!r}{nearest(name, self.models)}"
        raise PapertuneError(what, where=f"models of {self.layout.name}", hint=known)

    def seed(self, model: str, seed: int | None) -> int:
        """Return a finished seed of a model; the first one if none is given.

        Raises:
            PapertuneError: the seed is not finished.
        """
        finished = self.models[model]
        if seed is None or seed in finished:
            return finished[0] if seed is None else seed
        hint = f"finished are {', '.join(map(str, finished))}"
        raise PapertuneError(f"no seed {seed}", where=f"{self.layout.name}, {model}", hint=hint)

    def sides(self, model: str, seed: int) -> tuple[Side, Side]:
        """Return a model's baseline, asked in the same form, and the model itself.

        A model that is itself a baseline is paired with its unchanged base.
        """
        other, asked = self.study.baseline_of(model), self.study.models[model].examples.asked
        trained = other in self.study.trained
        seeds = self.models.get(other, []) if trained else [0] * bool(other)
        if seeds:
            before = self._side(other, seed if seed in seeds else seeds[0])
        else:
            before = Side("its base", Path(self.layout.base(model)), None, asked)
        return before, self._side(model, seed)

    def _side(self, model: str, seed: int) -> Side:
        study, base = self.study, Path(self.layout.base(model))
        folder = Path(self.layout.model(model, seed))
        label = study.model_label(model) + (f", seed {seed}" if folder != base else "")
        asked = study.models[model].examples.asked
        return Side(one_line(label), folder, base if folder != base else None, asked)

    def template(self, model: str, about: Listed | None) -> str:
        """A model's prompt template; without a document, the closed-book one."""
        whole = self.study.answer_template(model)
        shows = "context" in Template(whole).get_identifiers()
        return QUESTION if shows and about is None else whole

    def reads(self, model: str) -> bool:
        """Whether a model's prompt includes a document."""
        return "context" in Template(self.study.answer_template(model)).get_identifiers()

    @cached_property
    def documents(self) -> list[Listed]:
        """All documents with a text."""
        found = []
        for path in filter(Path.exists, map(Path, self.layout.documents())):
            for offset, where, values in placed_lines(path):
                if (one := from_dict(Document, values, where)).text:
                    title = one_line(one.title) or one.id
                    found.append(Listed(title, one.year, str(path), offset))
        return found

    def find(self, words: str) -> list[Listed]:
        """The first documents whose title or year contains every word."""
        wanted = re.findall(r"\S+", words.casefold())

        def fitting() -> Iterator[Listed]:
            for one in self.documents:
                said = str(one).casefold()
                if all(word in said for word in wanted):
                    yield one

        return list(islice(fitting(), SHOWN))

    def text(self, one: Listed) -> str:
        """Read the text of a document."""
        return str(object_at(one.path, one.offset)["text"])

    @cached_property
    def filter(self) -> Filter | None:
        """The filter of unrelated questions, if the experiment has one and it is trained."""
        if self.study.filter is None or not Path(self.layout.filter(JSON)).exists():
            return None
        return Filter.load(Path(self.layout.filter(JSON)).parent)

    def filtered(self, question: str) -> str:
        """Describe the filter's decision on a question; empty without a filter."""
        if self.filter is None:
            return ""
        [score] = self.filter.scores([question])
        told = f"p = {score:.2f}, {self.filter.threshold:.2f} is needed"
        if score >= self.filter.threshold:
            return f"The filter lets this question pass ({told})."
        return f"Behind the filter this would not be answered: unrelated ({told})."
