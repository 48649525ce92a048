"""Measure time and accuracy of finding texts on both sides of a split.

Time is measured on 2,000 and on 20,000 synthetic abstracts: ten times as many may take at most 15
times as long. With a folder of real documents (JSONL with ``title`` and ``abstract``) it prints how
many planted near copies are found, and how many different texts are suspected:

    python benchmarks/leakage.py [folder]
"""

import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow/scripts"))

from papertune.identity import fingerprint
from papertune.leakage.copies import Entry, Training, entries
from papertune.records import Document, write_records
from papertune.sentences import sentences

LIMIT = 15
DRAW = random.Random(1)


def seconds(folder: Path, count: int) -> float:
    """Time and memory for ``count`` documents, four of five of them for training."""
    vocabulary = [f"w{number:x}" for number in range(20_000)]
    made = [
        Document(fingerprint(n), f"t{n}", f"https://v.example/{n}", 2000, text)
        for n in range(count)
        if (text := " ".join(DRAW.choices(vocabulary, k=180)))
    ]
    trains, tests = made[count // 5 :], made[: count // 5]
    write_records(folder / "trains.jsonl", trains)
    begun = time.monotonic()
    side = Training(entries(folder / "trains.jsonl"))
    assert not list(side.copies(Entry(one.text, one.id, one.title) for one in tests))
    return time.monotonic() - begun


def planted(text: str, others: list[str]) -> dict[str, str]:
    """Kind of change → near copy of a text; the last has all changes."""
    from pylatexenc.latex2text import LatexNodes2Text

    vocabulary = " ".join(DRAW.sample(others, 20)).split()

    def added(text: str) -> str:
        said = sentences(text)
        said.insert(DRAW.randrange(len(said) + 1), DRAW.choice(sentences(DRAW.choice(others))))
        return " ".join(said)

    def fewer(text: str) -> str:
        said = sentences(text)
        said.pop(DRAW.randrange(len(said)))
        return " ".join(said) or text

    def replaced(text: str) -> str:
        drawn = ((DRAW.random(), word) for word in text.split())
        return " ".join(DRAW.choice(vocabulary) if x < 0.05 else word for x, word in drawn)

    def unicode(text: str) -> str:
        return str(LatexNodes2Text().latex_to_text(text))

    return {
        "title changed": text,
        "sentence added": added(text),
        "sentence left out": fewer(text),
        "5 % of words replaced": replaced(text),
        "Unicode for LaTeX": unicode(text),
        "all of it": unicode(replaced(fewer(added(text)))),
    }


def on_real_texts(folder: Path, work: Path) -> None:
    """Print how many planted copies are found, and how many different texts are suspected."""
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.open()]
    rows = [row for row in map(json.loads, lines) if row["abstract"]]
    known = [
        Document(fingerprint(n), row["title"], f"https://v.example/{n}", 2000, row["abstract"])
        for n, row in enumerate(rows)
    ]
    write_records(work / "known.jsonl", known)
    side, texts = Training(entries(work / "known.jsonl")), [one.text for one in known]
    copied = [text for text in texts if len(text.split()) >= 20]
    variants = [planted(text, texts) for text in copied]
    for kind in variants[0]:
        made = (Entry(one[kind], f"{n}", "Another title") for n, one in enumerate(variants))
        print(
            f"{kind}: {len(list(side.copies(made))) / len(variants):.1%} of {len(variants)} found"
        )
    suspected = set()
    for _ in range(4):
        DRAW.shuffle(known)
        for some in (known[::2], known[1::2]):
            write_records(work / "half.jsonl", some)
            half, ids = Training(entries(work / "half.jsonl")), {one.id for one in some}
            rest = (Entry(o.text, o.id, o.title) for o in known if o.id not in ids)
            suspected |= {copy.entry.id for copy in half.copies(rest)}
    print(f"different texts: {len(suspected)} of {len(known)} suspected")


with tempfile.TemporaryDirectory() as temporary:
    few, many = (seconds(Path(temporary), count) for count in (2_000, 20_000))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(
        f"2,000 documents: {few:.1f} s; 20,000: {many:.1f} s, ratio {many / few:.1f} ({memory:.0f} MB)"
    )
    if len(sys.argv) > 1:
        on_real_texts(Path(sys.argv[1]), Path(temporary))
    sys.exit(many / few > LIMIT)
