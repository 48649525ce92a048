"""Check what collecting an experiment's documents needs: files of the user, a contact address and
keys of services.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from papertune.cluster.findings import Finding, doubt, fine, wrong
from papertune.collect.listings import openalex, semantic_scholar, stack_exchange
from papertune.collect.listings.by_year import glance, items
from papertune.collect.listings.places import value_of
from papertune.collect.listings.rows import raw_rows, runs
from papertune.collect.web.session import contact_of, is_contact
from papertune.errors import CollectError
from papertune.records import Rejection
from papertune.study.layout import Layout
from papertune.study.settings import Part, UnrelatedDataset, UnrelatedTable
from papertune.study.settings.qa import HubDatasetSource

# service → variable of its key, and the limits without it
KEYS = {
    "stack_exchange": (stack_exchange.KEY, "300 requests a day, not 10,000; free at stackapps.com"),
    "openalex": (openalex.KEY, "a small daily budget; free at openalex.org"),
    "semantic_scholar": (semantic_scholar.KEY, "one rate limit for everybody; free on request"),
}
SHOWN = 3  # files that a finding names, and problems with them


@dataclass
class Brought:
    """The content of a source's files; texts of sampled files are not counted."""

    files: dict[Path, None] = field(default_factory=dict)
    documents: int = 0
    without_text: int = 0
    left_out: dict[str, Rejection] = field(default_factory=dict)  # by key
    problems: list[CollectError] = field(default_factory=list)


def check_collecting(layout: Layout) -> Iterator[Finding]:
    """Check everything, unless all documents are collected already."""
    if all(Path(path).exists() for path in layout.documents()):
        return
    brought = look_at(layout)
    yield from check_contact(layout, brought)
    yield from check_keys(layout, brought)
    yield from check_documents(layout, brought)
    yield from check_filter(layout)


def look_at(layout: Layout) -> Brought | None:
    """Read tables as the run will, and the beginning of other files.

    Returns None if the source needs no files of the user.
    """
    study, source = layout.experiment, layout.experiment.source
    if not (what := source.brought()):
        return None
    found, seen = Brought(), set[tuple[int, str]]()
    for part in study.parts:
        year = part if isinstance(part, int) else 0
        files = source.files_of(part)
        found.files |= dict.fromkeys(files)
        # documents without years are in the same files for training and testing
        if (once := (year if source.watched else 0, str(files))) in seen:
            continue
        seen.add(once)
        try:
            _count(layout, part, found)
        except CollectError as error:
            # a problem in a file affects every year that is read from it
            if str(error) not in map(str, found.problems):
                found.problems.append(error)
    if source.watched and not found.documents and not found.problems:
        first = next(iter(found.left_out.values()), None)
        said = f" ({first.key}: {first.reason} {first.detail})" if first else ""
        none = f"no document in {'its' if found.left_out else 'it, as it has no'} rows{said}"
        places = ", ".join(map(str, [*found.files][:SHOWN]))
        found.problems.append(CollectError(none, where=places, hint=f"bring {what}"))
    return found


def _count(layout: Layout, part: Part, found: Brought) -> None:
    source = layout.experiment.source
    if not source.watched:
        glance(source, part)
        return
    for item in items(source, part if isinstance(part, int) else 0):
        if isinstance(item, Rejection):
            found.left_out[item.key] = item
        else:
            found.documents += 1
            found.without_text += not item.text


def check_documents(layout: Layout, brought: Brought | None) -> Iterator[Finding]:
    """Check the files of documents that the user provides."""
    source = layout.experiment.source
    if isinstance(source, HubDatasetSource):
        yield _from_hub(layout, source.dataset)
    if brought is None:
        return
    key = f"source.{'paths' if hasattr(source, 'paths') else 'path'}"
    for error in brought.problems[:SHOWN]:
        yield wrong(
            f"{layout.name}: {key}: {error.where}: {error.what}",
            f"{error.hint}; bring {source.brought()}" if "bring" not in error.hint else error.hint,
        )
    if more := brought.problems[SHOWN:]:
        names = ", ".join(error.where for error in more[:10])
        yield wrong(f"{layout.name}: {key}: {len(more)} more like these: {names}")
    if brought.problems:
        return
    said = f"{layout.name}: documents are present: {', '.join(map(str, [*brought.files][:SHOWN]))}"
    if source.watched:
        said += f" (in the experiment's years {brought.documents:,}"
        said += f", {brought.without_text:,} of them without a text" * bool(brought.without_text)
        said += ")"
    yield fine(said)
    if left := brought.left_out:
        first = next(iter(left.values()))
        yield (doubt if len(left) > brought.documents else fine)(
            f"{layout.name}: {len(left):,} rows are left out, as {first.key} ({first.reason}: "
            f"{first.detail[:200]})",
            "correct them if they should count; rejected/listings has each with its reason",
        )


def check_filter(layout: Layout) -> Iterator[Finding]:
    """Check the file of unrelated questions that a filter is trained with."""
    against = layout.experiment.filter.against if layout.experiment.filter else None
    if isinstance(against, UnrelatedDataset):
        yield _from_hub(layout, against.dataset)
    elif isinstance(against, UnrelatedTable):
        wanted = [name for name in (against.column, against.group, *against.where) if name]
        bring = f"a CSV, TSV, JSONL, JSON or Parquet file with the columns {', '.join(wanted)}"
        try:
            first = next(runs(raw_rows(against.file)), ())
        except CollectError as error:
            what = f"{layout.name}: filter.against.path: {error.where}: {error.what}"
            yield wrong(what, f"{error.hint}; bring {bring}")
            return
        rows = [row for _, row in first if isinstance(row, dict)]
        lacking = [
            name
            for name in wanted
            if not any(name in row or value_of(row, name) is not None for row in rows)
        ]
        if lacking:
            has = ", ".join(map(str, rows[0])) if rows else "no row"
            yield wrong(
                f"{layout.name}: filter.against: {against.path} has no {', '.join(lacking)}",
                f"it has {has}; set filter.against.column, group and where to these",
            )
        else:
            yield fine(f"{layout.name}: filter.against is present: {against.path}")


def _from_hub(layout: Layout, dataset: str) -> Finding:
    return fine(f"{layout.name}: the data set {dataset} comes from the Hub when it is listed")


def _lists(layout: Layout) -> list[str]:
    """The servers that list documents."""
    study = layout.experiment
    return list(dict.fromkeys(filter(None, map(study.source.server, study.parts))))


def _looks_up(layout: Layout, brought: Brought | None) -> bool:
    """Whether texts are looked up on the web."""
    source = layout.experiment.source
    if source.with_texts or source.kind == "demo":
        return False
    known = brought is not None and source.watched and not brought.problems
    return not (known and brought and not brought.without_text)


def check_contact(layout: Layout, brought: Brought | None) -> Iterator[Finding]:
    """Check the contact address for servers, if this experiment sends requests to any."""
    study, name = layout.experiment, layout.name
    lists, looks_up = _lists(layout), _looks_up(layout, brought)
    if not (lists or looks_up):
        return
    if is_contact(contact := contact_of(study.fetching)):
        yield fine(f"{name}: a contact address is set for servers")
        return
    asks = [f"source (kind: {study.source.kind}) is listed by {', '.join(lists)}"] * bool(lists)
    if looks_up:
        some = f"{brought.without_text:,} " if brought and brought.without_text else ""
        asks.append(
            f"{some}documents without a text are looked up on the web "
            f"({', '.join(study.fetching.resolvers)})"
        )
    # the user's files may have all texts; documents without a text then stay without one
    none = brought is not None and 0 < brought.documents == brought.without_text
    yield (wrong if lists or none else doubt)(
        f"{name}: no contact address is set for servers, and {'; '.join(asks)}"
        + f" (the contact {contact!r} is not plain ASCII)" * bool(contact),
        "set PAPERTUNE_CONTACT to your e-mail address or web page (export "
        "PAPERTUNE_CONTACT=you@university.example), or fetching.contact in the experiment's file",
    )


def check_keys(layout: Layout, brought: Brought | None) -> Iterator[Finding]:
    """Check whether the keys of needed services are set; their values are never shown."""
    study, name = layout.experiment, layout.name
    looked_up = study.fetching.resolvers if _looks_up(layout, brought) else ()
    for service in KEYS.keys() & {study.source.kind, *looked_up}:
        variable, without = KEYS[service]
        if os.environ.get(variable, "").strip():
            yield fine(f"{name}: {variable} is set")
        else:
            yield doubt(f"{name}: {variable} is not set", f"without it {without}")
