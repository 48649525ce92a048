"""List years again: report what was added, changed or vanished, and replace changed listings."""

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory

from papertune.collect.listings.services import NOT_GIVEN
from papertune.collect.steps import list_documents
from papertune.errors import CollectError, PapertuneError
from papertune.jobs import stopping
from papertune.owned import make_folder
from papertune.records import Document, Rejection, read_records, write_records
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout
from papertune.study.settings import Part
from papertune.study.splits import chooser

log = logging.getLogger("papertune")


def compare_listings(before: list[Document], now: list[Document]) -> list[tuple[str, Document]]:
    """Documents that were ``added``, ``changed (title, url)`` or ``vanished``, matched by id.

    A change of order is no change.
    """
    old, new = ({item.id: item for item in listing} for listing in (before, now))
    told = [("added", item) for item in now if item.id not in old]
    for key, item in new.items():
        if key in old and old[key] != item:
            names = (part.name for part in fields(Document))
            differing = [name for name in names if getattr(old[key], name) != getattr(item, name)]
            told.append((f"changed ({', '.join(differing)})", item))
    return told + [("vanished", item) for item in before if item.id not in new]


def refresh_listings(studies: Mapping[str, Experiment], cache: str | Path) -> None:
    """List every year again that was listed before, and replace the listings that changed.

    A year that cannot be listed keeps its listing and its pages; the others go on. Listings of
    local files are only compared: an ordinary run notices changed rows by itself.

    Args:
        studies: Experiment name → settings; their results lie in the working directory.
        cache: The folder of cached pages.

    Raises:
        CollectError: at the end, naming the years that could not be listed.
    """
    listed = [
        (name, part, Path(path))
        for name, study in studies.items()
        for part, path in Layout(name, study).by_year("listings").items()
        if Path(path).exists()
    ]
    failed, new = [], 0
    vanished: dict[str, dict[str, Part]] = {name: {} for name in studies}
    for name, part, listing in listed:
        rejected = Path(Layout(name, studies[name]).by_year("rejected/listings")[part])
        try:
            changes = _refresh_part(studies[name], part, listing, rejected, Path(cache))
        except stopping.Interrupted:
            raise
        except PapertuneError as error:
            log.error("%s %s: %s", name, part, error)
            failed.append(f"{name} {part}")
        else:
            new += bool(changes)
            counts = Counter(what.partition(" ")[0] for what, _ in changes)
            parts = [f"{counts[what]} {what}" for what in ("added", "changed", "vanished")]
            log.info("%s %s: %s", name, part, ", ".join(parts) if changes else "nothing new")
            for what, item in changes:
                log.info("  %s: %s (%s)", what, item.title, item.url)
                vanished[name] |= {item.id: part} if what == "vanished" else {}
    log.info("%d listings: %d changed, %d failed", len(listed), new, len(failed))
    for name, study in studies.items():
        for told in _moved(study, Layout(name, study), vanished[name]):
            log.warning("%s: %s", name, told)
    if failed:
        raise CollectError(
            f"{len(failed)} of {len(listed)} listings are unchanged, as their source failed: "
            + ", ".join(failed),
            hint="see the errors above, then run `snakemake refresh` again",
        )


def _moved(study: Experiment, layout: Layout, vanished: Mapping[str, Part]) -> Iterator[str]:
    """Messages about documents that are now listed for another year, or for two.

    ``vanished``: id → the part that no longer lists it.
    """
    split = {part: "train" if part in study.parts_of("train") else "test" for part in study.parts}
    seen: dict[str, Part] = {}
    for part, path in layout.by_year("listings").items():
        for item in read_records(path, Document) if Path(path).exists() else ():
            before = vanished.get(item.id)
            if item.id in seen and split[seen[item.id]] != split[part]:
                yield (
                    f"“{item.title}” is listed for {seen[item.id]} ({split[seen[item.id]]}) and for "
                    f"{part} ({split[part]}): it is used in training only. If its year changed, "
                    "`snakemake refresh` updates the old listing; in a file, delete one row"
                )
            elif before is not None and before != part and split[before] != split[part]:
                yield (
                    f"“{item.title}” moved from {before} ({split[before]}) to {part} "
                    f"({split[part]}): the next run trains again, and writes new pairs about it"
                )
            seen.setdefault(item.id, part)


def _refresh_part(
    study: Experiment, part: Part, listing: Path, rejected: Path, cache: Path
) -> list[tuple[str, Document]]:
    make_folder(cache)
    # a page without a listing must not replace a good one, so pages are written here first
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
            pauses=cache / "turns",  # shared by all runs: there is a pause between years, too
            refresh=True,
        )
        documents = list(read_records(fresh, Document))
        rejections = list(read_records(refused, Rejection))
        changes = compare_listings(list(read_records(listing, Document)), documents)
        if study.source.watched:
            return changes
        lost = any(what == "vanished" for what, _ in changes)
        if told := next((one for one in rejections if lost and one.reason == NOT_GIVEN), None):
            raise CollectError(told.detail, where=told.key, hint="run `snakemake refresh` later")
        for page in pages.rglob("*.json"):
            place = cache / page.relative_to(pages)
            make_folder(place.parent)
            os.replace(page, place)
    if not rejected.exists() or set(read_records(rejected, Rejection)) != set(rejections):
        write_records(rejected, rejections)
    if changes:  # last: a refresh that is killed before this finds the same changes again
        write_records(listing, documents)
    return changes
