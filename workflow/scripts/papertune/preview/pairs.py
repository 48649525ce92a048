"""The pairs that each writer writes about a few documents, with the same store as the run."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path

from papertune.errors import PapertuneError
from papertune.generators.asking import Writer
from papertune.generators.synthesis import synthesize
from papertune.jobs import stopping
from papertune.pairfile import read_pairs
from papertune.preview.documents import Found
from papertune.records import Pair, Rejection, read_records
from papertune.study import uses
from papertune.study.layout import Layout
from papertune.study.settings import Base, PromptedGenerator
from papertune.study.splits import SplitOf

SHOWN = 5  # pairs of a writer


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of a writer; ``why`` is the reason if there is none."""

    writer: str
    pairs: Sequence[Pair] = ()
    rejected: Sequence[Rejection] = ()
    requests: int = 0  # texts that were requested now
    seconds: float = 0.0
    why: str = ""

    @property
    def shown(self) -> list[Pair]:
        """At most :data:`SHOWN` pairs: the first of each document, then the second of each."""
        by_document: dict[str, list[Pair]] = {}
        for pair in self.pairs:
            by_document.setdefault(pair.document, []).append(pair)
        turns = chain.from_iterable(zip_longest(*by_document.values()))
        return list(islice(filter(None, turns), SHOWN))


def calls_of(layout: Layout, writer: str, documents: int) -> int:
    """The largest number of texts that a writer's model is asked for; 0 without a model."""
    one = layout.experiment.generators[writer]
    if not isinstance(one, PromptedGenerator):
        return 0
    return documents * one.candidates * one.attempts


def how_to_bring(base: Base | None) -> str:
    """The command that pre-trains, converts or downloads a base, or downloads another model."""
    rule = "pretrain" if base and base.pretrain else "convert" if base and base.made else "download"
    return f"snakemake --until {rule}_base"


def try_writer(
    layout: Layout, writer: str, found: Found, folder: Path, store: Path, threads: int
) -> Tried:
    """Have a writer write about the documents as its job for the split would.

    Its texts and pairs go to the store, where that job finds them. A writer that cannot be asked is no
    error here: the others continue.
    """
    model = layout.generator_model(writer)
    if model and not Path(model).exists():
        study = layout.experiment
        base = study.bases.get(study.generators[writer].base_in(study.bases))
        return Tried(writer, why=f"its model is missing; get it with {how_to_bring(base)}")
    splits = [split for name, split in layout.generated if name == writer]
    given = uses.synthesize(layout, writer, found.split if found.split in splits else splits[0])
    arguments = given.arguments | {"mine": SplitOf.of(found.split, layout.experiment.splits)}
    mine, _, _ = (arguments.pop(name) for name in ("mine", "shards", "reading"))
    output, rejected = folder / f"{writer}.parquet", folder / f"{writer}.jsonl"
    begun = time.monotonic()
    try:
        counts = synthesize(
            Writer(**arguments, folder=model),
            documents=[found.file],
            mine=mine,
            output=output,
            rejected=rejected,
            store=store,
            threads=threads,
        )
    except stopping.Interrupted:
        raise
    except PapertuneError as error:
        return Tried(writer, why=str(error))
    took = time.monotonic() - begun
    refused = list(read_records(rejected, Rejection))
    return Tried(writer, list(read_pairs(output)), refused, counts.requests, took)
