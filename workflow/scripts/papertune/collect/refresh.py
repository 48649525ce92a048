"""Listing again: what was added, changed or vanished since, and only those listings replaced."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory

from papertune.collect.steps import list_documents
from papertune.errors import CollectError, PapertuneError
from papertune.jobs import stopping
from papertune.records import Document, Rejection, read_records, write_records
from papertune.study.experiment import Experiment, Part
from papertune.study.layout import Layout
from papertune.study.splits import chooser

log = logging.getLogger("papertune")


@dataclass(frozen=True, slots=True)
class Changes:
    """How a year's listing differs from an earlier one; documents are the same by their id."""

    added: list[Document]
    changed: list[tuple[Document, Document]]  # before, now
    vanished: list[Document]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.vanished)

    def lines(self) -> list[str]:
        """One line for each document, with title and url, and of changed ones what changed."""
        told = [("added", item) for item in self.added]
        for old, new in self.changed:
            names = (part.name for part in fields(Document))
            differing = [name for name in names if getattr(old, name) != getattr(new, name)]
            told.append((f"changed ({', '.join(differing)})", new))
        told += [("vanished", item) for item in self.vanished]
        return [f"{what}: {item.title} ({item.url})" for what, item in told]


def compare_listings(before: list[Document], now: list[Document]) -> Changes:
    """What changed from one listing to another; the order of documents is no part."""
    old = {item.id: item for item in before}
    new = {item.id: item for item in now}
    return Changes(
        added=[item for item in now if item.id not in old],
        changed=[(old[key], item) for key, item in new.items() if key in old and old[key] != item],
        vanished=[item for item in before if item.id not in new],
    )


def refresh_listings(studies: Mapping[str, Experiment], cache: str | Path) -> None:
    """List every year again that was listed before, and replace the listings that changed.

    A year that cannot be listed keeps its listing and the pages that it was made from; the others
    go on. Listings of local files are compared only: an ordinary run sees their rows by itself.

    Args:
        studies: Experiment name → settings; their results lie in the working directory.
        cache: The folder of pages that are kept.

    Raises:
        CollectError: at the end, if years could not be listed; names them.
    """
    listed = [
        (name, part)
        for name, study in studies.items()
        for part, path in Layout(name, study).by_year("listings").items()
        if Path(path).exists()
    ]
    failed, new = [], 0
    for name, part in listed:
        study = studies[name]
        try:
            changes = _refresh_part(name, study, part, Path(cache))
        except stopping.Interrupted:
            raise
        except PapertuneError as error:
            log.error("%s %s: %s", name, part, error)
            failed.append(f"{name} {part}")
        else:
            new += bool(changes)
            log.info("%s %s: %s", name, part, _counted(changes))
            for line in changes.lines():
                log.info("  %s", line)
    log.info("%d listings: %d changed, %d failed", len(listed), new, len(failed))
    if failed:
        raise CollectError(
            f"{len(failed)} of {len(listed)} listings stay as they were, their source failed: "
            + ", ".join(failed),
            hint="the reasons stand above; run `snakemake refresh` again when they are gone",
        )


# ---- parts ------------------------------------------------------------------------------------


def _refresh_part(name: str, study: Experiment, part: Part, cache: Path) -> Changes:
    layout = Layout(name, study)
    listing = Path(layout.by_year("listings")[part])
    rejected = Path(layout.by_year("rejected/listings")[part])
    cache.mkdir(parents=True, exist_ok=True)
    # a page without a listing must not take the place of a good one, so pages wait here too
    with TemporaryDirectory(dir=cache, prefix=".refresh-") as folder:
        fresh, refused, pages = (Path(folder, part) for part in ("listing", "rejected", "pages"))
        list_documents(
            study.source,
            study.fetching,
            part,
            mine=chooser(part, study.splits),
            output=fresh,
            rejected=refused,
            cache=pages,
            pauses=cache / "turns",  # those of every run: the pause lies between years too
            refresh=True,
        )
        documents = list(read_records(fresh, Document))
        rejections = list(read_records(refused, Rejection))
        changes = compare_listings(list(read_records(listing, Document)), documents)
        if study.source.watched:
            return changes
        for page in pages.rglob("*.json"):
            place = cache / page.relative_to(pages)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(page, place)
    if not rejected.exists() or set(read_records(rejected, Rejection)) != set(rejections):
        write_records(rejected, rejections)
    if changes:  # last: a refresh that is killed before finds the same again
        write_records(listing, documents)
    return changes


def _counted(changes: Changes) -> str:
    if not changes:
        return "nothing new"
    parts = ("added", "changed", "vanished")
    return ", ".join(f"{len(getattr(changes, part))} {part}" for part in parts)
