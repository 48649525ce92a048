"""A few documents of a study, found as the run will find them, so that no request is made twice."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from papertune.collect.sampling import NOT_SAMPLED
from papertune.collect.steps import fetch_documents, list_documents, render_documents
from papertune.identity import share
from papertune.records import Document, Rejection, read_records, write_records
from papertune.study import uses
from papertune.study.layout import Layout
from papertune.study.settings import Part
from papertune.study.splits import SplitOf

FEW = 5  # documents with a text that are wanted
LOOKED_AT = 3 * FEW  # most documents whose texts are looked for


@dataclass(frozen=True, slots=True)
class Found:
    """Documents of one split and one year or part."""

    split: str
    part: Part
    listed: int  # number of listed documents of this split and part
    listings: Mapping[Part, Path]  # files of the listings that were read
    file: Path  # file of the documents with a text
    documents: Sequence[Document]
    lost: Sequence[Rejection]  # documents without a text, with reasons


def split_for(layout: Layout) -> str:
    """The split about which most writers write; test, if there are as many for train."""
    asked = [split for _, split in layout.generated]
    return max(("test", "train"), key=asked.count)


def find_some(layout: Layout, folder: Path, store: Path) -> Found:
    """The first documents of a split's first year, by the hash that samples are drawn by.

    Existing listings and texts are read. Otherwise, the source is asked for this one listing and for
    the texts of these documents only. Pages and outcomes go to the run's store and cache.

    Args:
        folder: For the incomplete listing and texts.
        store: The store of finished work; pages lie in its folder ``http``.

    Raises:
        CollectError: as the steps of collecting, or no document belongs to the split.
    """
    split = split_for(layout)
    part = layout.experiment.parts_of(split)[0]
    mine = SplitOf.of(split, layout.experiment.splits)
    listings, cache = dict[Part, Path](), store / "http"
    # without years, the parts belong to one listing
    for one in [part] if isinstance(part, int) else layout.experiment.parts:
        listings[one] = Path(layout.by_year("listings")[one])
        if not listings[one].exists():
            listings[one] = folder / f"listing-{one}.jsonl"
            given = uses.list_documents(layout, str(one)).arguments
            refused = folder / "refused.jsonl"
            list_documents(**given, output=listings[one], rejected=refused, cache=cache)
    every = [one for one in read_records(listings[part], Document) if mine(one)]
    first = sorted(every, key=lambda one: share(one.id, "sample"))[:LOOKED_AT]
    file, missing = folder / "documents.jsonl", folder / "missing.jsonl"
    known = Path(layout.by_year("documents")[part])
    if known.exists():
        wanted = {one.id for one in every}
        kept = [one for one in read_records(known, Document) if one.id in wanted]
        write_records(file, sorted(kept, key=lambda one: share(one.id, "sample"))[:FEW])
        lost = [
            one
            for one in read_records(layout.by_year("missing")[part], Rejection)
            if one.key in {document.id for document in first[:FEW]}
        ]
    else:
        write_records(folder / "first.jsonl", first)
        study = layout.experiment
        how: dict[str, Any] = {"source": study.source, "fetching": study.fetching, "sample": FEW}
        how |= {"listing": folder / "first.jsonl", "store": store, "cache": cache}
        fetched = folder / "fetched.jsonl"
        fetch_documents(**how, output=fetched)
        render_documents(**how, fetched=fetched, output=file, missing=missing)
        lost = list(read_records(missing, Rejection))
    lost = [one for one in lost if one.reason != NOT_SAMPLED]
    return Found(split, part, len(every), listings, file, list(read_records(file, Document)), lost)


def assumed(layout: Layout, found: Found, folder: Path) -> Layout:
    """A layout in which unlisted years have as many documents as the listed one, for estimates.

    It lies in ``folder``: its folders of results are links, its listings are copies.
    """
    for path in Path(layout.results).glob("*/*/"):
        study = path.parent.name
        if (study, path.name) != (layout.name, "listings"):
            (folder / study).mkdir(exist_ok=True)
            (folder / study / path.name).symlink_to(path.absolute())
    made = replace(layout, results=str(folder))
    for part, name in layout.by_year("listings").items():
        known = Path(name) if Path(name).exists() else found.listings.get(part)
        copy = Path(made.by_year("listings")[part])
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(known or found.listings[found.part], copy)
    return made
