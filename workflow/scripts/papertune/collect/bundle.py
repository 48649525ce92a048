"""All that was collected for an experiment in one file, for a machine without internet.

``python -m papertune.collect.bundle FILE`` unpacks it in the working directory. A bundle is a tar
of the stage's results, the pages and the outcomes that they were made from, and first of all
``manifest.json`` with the SHA-256 and the size of every file. From the pages alone, a run without a
network makes the same documents again, byte for byte. It may come from a stranger: nothing but such
files is taken from it, and no more of them than it says.
"""

import argparse
import hashlib
import io
import json
import logging
import os
import re
import shutil
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from papertune.errors import CollectError, PapertuneError
from papertune.files import atomic_write, file_digest
from papertune.jobs import stopping
from papertune.jobs.progress import progress
from papertune.owned import NotOwned, own, part_of, share, tell

log = logging.getLogger("papertune")

MANIFEST = "manifest.json"
FORMAT = 2
# of the store: pages, and what asking and rendering gave
STAGES = ("http", "fetch", "render")
# all that the stage writes, and nothing else; `turns` says when hosts were asked here
PLACES = re.compile(
    r"results/[\w-]+/(?:(?:listings|rejected/listings|fetched|documents|missing)/[\w-]+|missing"
    r"|(?:rejected/)?filter/unrelated)\.jsonl|store/http/(?!turns/)(?:[\w-]+/){1,2}[\w-]+\.json"
    r"|store/(?:fetch|render)/[\w-]+/(?:identity\.json|[\w-][\w.-]*\.jsonl)",
    re.ASCII,
)


class Manifest(BaseModel):
    """What a bundle says that it has."""

    format: Literal[2]
    files: dict[str, tuple[str, Annotated[int, Field(ge=0, lt=2**62)]]]  # SHA-256, bytes


@stopping.at_once()
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
        files[f"store/{path.relative_to(store).as_posix()}"] = path
    files = {name: path for name, path in sorted(files.items()) if PLACES.fullmatch(name)}
    target, sums = Path(output), {}
    for name, path in progress(files.items(), len(files), "files to hash"):
        try:
            with open(path, "rb", opener=own) as source:
                digest = hashlib.file_digest(source, "sha256").hexdigest()
                sums[name] = digest, source.tell()
        except NotOwned as error:
            tell(error)
    manifest = json.dumps({"format": FORMAT, "files": sums}, indent=1).encode()
    with (
        atomic_write(target, binary=True) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        tar.addfile(_member(MANIFEST, len(manifest)), io.BytesIO(manifest))
        for name, (_, size) in sums.items():
            with open(files[name], "rb", opener=own) as source:
                modified = int(os.fstat(source.fileno()).st_mtime)
                tar.addfile(_member(name, size, modified), source)
    log.info("%s: %d files, %.1f MB", target, len(sums), target.stat().st_size / 1e6)
    return len(sums)


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
    written, here = 0, Path(folder).absolute()

    def refused(what: str, hint: str = "copy the bundle again") -> CollectError:
        return CollectError(what, where=str(bundle), hint=hint)

    if not Path(bundle).is_file():
        hint = f"name it as `make bundle` did, BUNDLE=bundles/NAME.tar, from {Path.cwd()}"
        raise refused("no such file", hint)
    try:
        with tarfile.open(bundle, "r:") as tar:  # no compression: it cannot grow
            sums = _manifest(tar)
            if sums is None:
                hint = "`make bundle EXPERIMENTS=…` writes one where there is internet"
                raise refused("not a bundle of this version", hint)
            there = next(path for path in (here, *here.parents) if path.exists())
            room, whole = shutil.disk_usage(there).free, sum(size for _, size in sums.values())
            if whole > room:
                what = f"it has {whole / 1e6:,.0f} MB, and there is room for {room / 1e6:,.0f} MB"
                raise refused(what, "make room, or unpack it elsewhere")
            for member in progress(tar, len(sums) + 1, "files"):
                name = member.name
                if name == MANIFEST:
                    continue
                source = tar.extractfile(member) if _plain(member) else None
                if source is None or name not in sums:
                    hint = "take the bundle as `make bundle` wrote it"
                    raise refused(f"a file that its manifest does not name: {name!r}", hint)
                # never outside of results and the store, and there only what collecting writes
                if not PLACES.fullmatch(name):
                    hint = "this is no bundle of ours; unpack nothing of it"
                    raise refused(f"a file that belongs nowhere here: {name!r}", hint)
                wanted, size = sums.pop(name)
                if member.size != size:
                    raise refused(f"{name} has {member.size} bytes, its manifest says {size}")
                path = PurePosixPath(name)
                place = Path(store, path.relative_to("store")) if path.parts[0] == "store" else path
                written += _write(source, Path(folder, place), wanted, member.mtime)
    except (OSError, tarfile.TarError, ValueError, KeyError) as error:
        hint = "copy the bundle again, and see that there is room"
        raise refused(
            f"cannot be unpacked: {getattr(error, 'strerror', None) or error}", hint
        ) from None
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
    with atomic_write(place, binary=True) as stream:
        total = hashlib.sha256()
        while block := source.read(2**20):
            total.update(block)
            stream.write(block)
        if total.hexdigest() != wanted:
            what, hint = "differs from what its manifest says", "copy the bundle again"
            raise CollectError(what, where=place.name, hint=hint)
        stream.flush()
        os.utime(stream.fileno(), (modified, modified))  # snakemake goes by time stamps
    return True


def _manifest(tar: tarfile.TarFile) -> dict[str, tuple[str, int]] | None:
    """What the first file of a bundle says; None where it is no manifest of this version."""
    first = tar.next()
    if first is None or first.name != MANIFEST or not _plain(first):
        return None
    stream = tar.extractfile(first)
    assert stream is not None
    try:
        return Manifest.model_validate_json(stream.read(), strict=True).files
    except ValidationError:
        return None


def _plain(member: tarfile.TarInfo) -> bool:
    """Whether it is a file whose bytes all stand in the tar: no link, no device, nothing sparse."""
    return member.isreg() and not member.issparse()


def _member(name: str, size: int, modified: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, modified, 0o644
    return member


def _main() -> None:
    parser = argparse.ArgumentParser(prog="papertune.collect.bundle", description=__doc__)
    parser.add_argument("bundle", help="a file that `make bundle` wrote")
    parser.add_argument("--store", default="store", help="as in config/config.yaml")
    parser.add_argument("--trust-group", action="store_true", help="as there")
    chosen = parser.parse_args()
    store = part_of(chosen.store, trust=chosen.trust_group)
    try:
        share([store], trust=chosen.trust_group)
        written = unpack(chosen.bundle, store=store)
    except (PapertuneError, NotOwned) as error:
        sys.exit(str(error))
    print(f"{chosen.bundle}: {written} files unpacked; a run now asks no site for them")


if __name__ == "__main__":
    _main()
