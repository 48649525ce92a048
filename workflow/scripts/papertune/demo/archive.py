"""The demo's archive: further papers of the training years that a base from scratch reads.

None of its papers is listed by the venue, and no year, name or text of a test paper is in it. Each
line has a ``prompt`` (the beginning of an abstract) and a ``completion`` (its facts in random order,
one ``field: value`` a line, in other words than any question uses): reading for it means finding.
"""

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

from papertune.demo.papers import FIRST_YEAR, PER_YEAR, TEST_FROM, Paper, make_paper, names, papers
from papertune.records import atomic_write
from papertune.sentences import sentences

YEARS = tuple(range(FIRST_YEAR, TEST_FROM))
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
    path: str | Path, *, years: Sequence[int] = YEARS, count: int = 9000, seed: int = 1
) -> int:
    """Write the archive as JSONL, atomically; returns the number of lines.

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
