"""The demo venue's papers: made by a seeded grammar, so that nobody's text is copied.

Every abstract states a dozen facts in sentences that vary; each fact stands in it verbatim. Kinds,
problems and techniques of one theme are drawn independently of each other, so that a fact cannot be
guessed from another one: a model has to read. Years from :data:`TEST_FROM` on use names of their
own, so that no name of a test paper is known from training.
"""

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from papertune.files import atomic_write
from papertune.sentences import sentences

FIRST_YEAR = 2005
TEST_FROM = 2022
PER_YEAR = 40  # names set aside for each year
TRAINING = range(FIRST_YEAR, TEST_FROM)


@dataclass(frozen=True)
class Paper:
    """One paper of the demo venue.

    ``key`` is unique and fit for a url; ``facts`` maps a field to its value, which stands in the
    abstract word for word.
    """

    key: str
    title: str
    authors: list[str]
    year: int
    abstract: str
    facts: dict[str, str]

    @property
    def path(self) -> str:
        """Of its landing page."""
        return f"/{self.year}/{self.key}"

    @property
    def text_path(self) -> str:
        """Where the script of a JavaScript page gets its text from."""
        return f"/text{self.path}.json"


GRAMMAR: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_name("grammar.yaml").read_text("utf-8")
)


def papers(year: int, count: int, seed: int) -> list[Paper]:
    """The papers of one year; a larger ``count`` adds papers behind the same ones.

    From :data:`TEST_FROM` on, names are taken that no earlier year has. Another seed is another
    venue.

    Raises:
        ValueError: more papers than :data:`PER_YEAR`.
    """
    if not 0 <= count <= PER_YEAR:
        raise ValueError(f"count is {count}, not within 0 and {PER_YEAR}")
    pool = names(year, seed)
    first = (year - (TEST_FROM if year >= TEST_FROM else FIRST_YEAR)) * PER_YEAR
    rng = random.Random(f"papers/{seed}/{year}")
    return [make_paper(rng, pool[(first + i) % len(pool)], year) for i in range(count)]


def names(year: int, seed: int) -> list[str]:
    """The names that papers of a year may bear: 680 before :data:`TEST_FROM`, 120 others after."""
    every = [first + last for first in GRAMMAR["prefixes"] for last in GRAMMAR["suffixes"]]
    random.Random(f"names/{seed}").shuffle(every)
    known = (TEST_FROM - FIRST_YEAR) * PER_YEAR
    return every[known:] if year >= TEST_FROM else every[:known]


def make_paper(rng: random.Random, name: str, year: int) -> Paper:
    """One paper about a system of the given name; every other choice is drawn from ``rng``."""
    theme = GRAMMAR["themes"][rng.choice(sorted(GRAMMAR["themes"]))]
    gain, saving = rng.sample(GRAMMAR["gains"], 2)
    kind = rng.choice(theme["kinds"])
    facts = {
        "name": name,
        "kind": f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}",
        "problem": rng.choice(theme["problems"]),
        "domain": rng.choice(GRAMMAR["domains"]),
        "technique": rng.choice(theme["techniques"]),
        "suite": rng.choice(GRAMMAR["suites"]),
        "simulator": rng.choice(GRAMMAR["simulators"]),
        "rising": rng.choice(GRAMMAR["rising"]),
        "gain": gain,
        "falling": rng.choice(GRAMMAR["falling"]),
        "saving": saving,
        "cost": rng.choice(GRAMMAR["costs"]),
        "resource": rng.choice(GRAMMAR["resources"]),
    }

    def said(*slots: str) -> list[str]:
        return [rng.choice(GRAMMAR["sentences"][slot]) for slot in slots]

    middle, late = said("evaluation", "result"), said("cost", "closing")
    if rng.random() < 0.3:
        late.reverse()
    early = said("background", "remarks", "proposal", "technique")
    headline = facts | {slot: _headline(facts[slot]) for slot in ("kind", "problem", "domain")}
    title = rng.choice(GRAMMAR["titles"]).format(**headline)
    families = rng.sample(GRAMMAR["family"], rng.randint(2, 4))
    return Paper(
        key=f"{name.lower()}-{year}",
        title=title,
        authors=[f"{rng.choice(GRAMMAR['given'])} {family}" for family in families],
        year=year,
        abstract=" ".join(template.format(**facts) for template in (*early, *middle, *late)),
        facts=facts,
    )


def _headline(words: str) -> str:
    small = {"of", "with", "in"}
    return " ".join(w if w in small else w[0].upper() + w[1:] for w in words.split())


# ---- the archive ------------------------------------------------------------

# fact → the field's name in the archive; slots are other facts of the same paper
FIELDS = {
    "kind": "device",
    "problem": "obstacle",
    "domain": "setting",
    "technique": "mechanism",
    "suite": "programs",
    "simulator": "tool",
    "gain": "more {rising}",
    "saving": "less {falling}",
    "cost": "spent {resource}",
}


def write_archive(
    path: str | Path, *, years: Sequence[int] = TRAINING, count: int = 9000, seed: int = 1
) -> int:
    """Write the archive as JSONL, atomically; returns the number of lines.

    It has further papers of the training years, for a base from scratch to read. None of its papers
    is listed by the venue, and no year, name or text of a test paper is in it. Each line has a
    ``prompt`` (the beginning of an abstract) and a ``completion`` (its facts in random order, one
    ``field: value`` a line, in other words than any question uses): reading for it means finding.

    The order is a curriculum: windows grow from one sentence to the whole abstract over the first
    half of the file. Train with ``order: given``.

    Raises:
        ValueError: a year is a test year.
    """
    if late := [year for year in years if year >= TEST_FROM]:
        raise ValueError(f"{late[0]} is a test year; the archive is for training")
    listed = {paper.abstract for year in years for paper in papers(year, PER_YEAR, seed)}
    rng = random.Random(f"archive/{seed}")
    pool = names(TEST_FROM - 1, seed)
    written = 0
    with atomic_write(path) as stream:
        while written < count:
            year = rng.choice(years)
            paper = make_paper(rng, rng.choice(pool), year)
            if paper.abstract in listed:
                continue
            line = _line(paper, min(1.0, 2 * written / count), rng)
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")
            written += 1
    return written


def _line(paper: Paper, growth: float, rng: random.Random) -> dict[str, str]:
    """One line; ``growth`` in [0, 1] says how much of the abstract it may use."""
    every = sentences(paper.abstract)
    # short windows are cheap and teach fastest what a field means: growth starts slowly
    size = 1 + round(growth**2 * (len(every) - 1))
    starts = list(range(len(every) - size + 1))
    rng.shuffle(starts)
    facts: list[str] = []
    while not facts:  # every paper has facts in some window of any size
        first = starts.pop()
        window = " ".join(every[first : first + size])
        facts = [
            f"{field.format(**paper.facts)}: {paper.facts[fact]}"
            for fact, field in FIELDS.items()
            if all(paper.facts[name] in window for name in (fact, *re.findall(r"{(\w+)}", field)))
        ]
    rng.shuffle(facts)
    return {"prompt": f"Abstract: {window}\n", "completion": "\n".join(facts)}
