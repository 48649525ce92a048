"""All that was collected for an experiment in one file, for a machine without internet.

``python -m papertune.collect.bundle FILE`` unpacks it in the working directory. A bundle is a tar
of the stage's results, the pages and the outcomes that they were made from, and first of all
``manifest.json`` with the SHA-256 of every file. From the pages alone, a run without a network
makes the same documents again, byte for byte.
"""

import argparse
import io
import json
import logging
import os
import shutil
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO

from papertune.errors import CollectError, PapertuneError
from papertune.jobs.progress import progress
from papertune.records import atomic_write, file_digest

log = logging.getLogger("papertune")

MANIFEST = "manifest.json"
FORMAT = 1
# of the store: pages, and what asking and rendering gave; `turns` says when hosts were asked here
STAGES = ("http", "fetch", "render")
LEFT_OUT = "turns"


def pack(results: Iterable[str | Path], store: str | Path, output: str | Path) -> int:
    """Write a bundle; the same files give the same bytes.

    Args:
        results: Files below the working directory, by paths relative to it.
        store: The store's root, wherever it lies; unpacked, it is ``store``.
        output: The tar file, written whole or not at all.

    Returns:
        How many files it has.
    """
    files = {PurePosixPath(path).as_posix(): Path(path) for path in results}
    for path in (path for stage in STAGES for path in Path(store, stage).rglob("*")):
        inside = path.relative_to(store)
        if path.is_file() and LEFT_OUT not in inside.parts and not path.name.startswith("."):
            files[f"store/{inside.as_posix()}"] = path
    target = Path(output)
    sums = {
        name: file_digest(path)
        for name, path in progress(sorted(files.items()), len(files), "files to hash")
    }
    manifest = json.dumps({"format": FORMAT, "files": sums}, indent=1).encode()
    with (
        atomic_write(target, binary=True) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        tar.addfile(_member(MANIFEST, len(manifest)), io.BytesIO(manifest))
        for name in sums:
            with open(files[name], "rb") as source:
                stat = os.fstat(source.fileno())
                tar.addfile(_member(name, stat.st_size, int(stat.st_mtime)), source)
    log.info("%s: %d files, %.1f MB", target, len(files), target.stat().st_size / 1e6)
    return len(files)


def unpack(bundle: str | Path, folder: str | Path = ".", store: str | Path = "store") -> int:
    """Unpack a bundle where it changes nothing that is there.

    Args:
        bundle: The file.
        folder: The folder that snakemake runs in.
        store: The store's root, from that folder.

    Returns:
        How many files were written; those that are there already are left alone.

    Raises:
        CollectError: no bundle, one that was changed on the way, or a file that is there and
            differs. Nothing of a file is left that is not as the manifest says.
    """
    written = 0

    def refused(what: str, hint: str = "copy the bundle again") -> CollectError:
        return CollectError(what, where=str(bundle), hint=hint)

    try:
        with tarfile.open(bundle) as tar:
            first = tar.next()
            manifest = tar.extractfile(first) if first and first.name == MANIFEST else None
            values = json.load(manifest) if manifest else {}
            if values.get("format") != FORMAT:
                hint = "`make bundle EXPERIMENTS=…` writes one where there is internet"
                raise refused("not a bundle of this version", hint)
            sums: dict[str, str] = dict(values["files"])
            for member in progress(tar, len(sums) + 1, "files"):
                name = member.name
                if name == MANIFEST:
                    continue
                source = tar.extractfile(member)
                if source is None or name not in sums:
                    hint = "take the bundle as `make bundle` wrote it"
                    raise refused(f"a file that its manifest does not name: {name!r}", hint)
                path = PurePosixPath(name)
                # never outside of results and the store
                if ".." in path.parts or path.parts[:1] not in (("results",), ("store",)):
                    hint = "this is no bundle of ours; unpack nothing of it"
                    raise refused(f"a file that belongs nowhere here: {name!r}", hint)
                place = Path(store, path.relative_to("store")) if path.parts[0] == "store" else path
                written += _write(source, Path(folder, place), sums.pop(name), member.mtime)
    except (OSError, tarfile.TarError, ValueError, KeyError) as error:
        hint = "copy the bundle again, and see that there is room"
        raise refused(f"cannot be unpacked: {error}", hint) from None
    if sums:
        raise refused(f"{len(sums)} files of its manifest are missing, {next(iter(sums))} for one")
    return written


def _write(source: IO[bytes], place: Path, wanted: str, modified: float) -> bool:
    """Write a file that is not there yet; False where it is there already."""
    if place.exists():
        if file_digest(place) != wanted:
            what = "is there already and differs from the bundle's"
            hint = "unpack into an empty folder, or delete the file if the bundle's is wanted"
            raise CollectError(what, where=str(place), hint=hint)
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.name}.unpacked")
    try:
        with open(temporary, "wb") as stream:
            shutil.copyfileobj(source, stream)
        if file_digest(temporary) != wanted:
            what, hint = "differs from what its manifest says", "copy the bundle again"
            raise CollectError(what, where=place.name, hint=hint)
        os.utime(temporary, (modified, modified))  # snakemake goes by time stamps
        os.replace(temporary, place)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _member(name: str, size: int, modified: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, modified, 0o644
    return member


def _main() -> None:
    parser = argparse.ArgumentParser(prog="papertune.collect.bundle", description=__doc__)
    parser.add_argument("bundle", help="a file that `make bundle` wrote")
    parser.add_argument("--store", default="store", help="as in config/config.yaml")
    chosen = parser.parse_args()
    try:
        written = unpack(chosen.bundle, store=chosen.store)
    except PapertuneError as error:
        sys.exit(str(error))
    print(f"{chosen.bundle}: {written} files unpacked; a run now asks no site for them")


if __name__ == "__main__":
    _main()
