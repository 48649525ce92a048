"""Everything collected for some experiments in one file, for a machine without internet.

``python -m papertune.collect.bundle FILE`` unpacks it into the working directory. A bundle is a tar
archive of the stage's results and of the pages and outcomes that they were made from. Its first
member, ``manifest.json``, gives the SHA-256 and the size of every file. From the pages alone, a run
without a network makes the same documents again, byte for byte. A bundle may come from a stranger:
only files of these kinds are unpacked, and only those that the manifest lists.
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
# folders of the store: pages, and the outcomes of fetching and of rendering
STAGES = ("http", "fetch", "render")
# the files that the stage writes, and no others; `turns` records when this machine asked hosts
PLACES = re.compile(
    r"results/[\w-]+/(?:(?:listings|rejected/listings|fetched|documents|missing)/[\w-]+|missing"
    r"|(?:rejected/)?filter/unrelated)\.jsonl|store/http/(?!turns/)(?:[\w-]+/){1,2}[\w-]+\.json"
    r"|store/(?:fetch|render)/[\w-]+/(?:identity\.json|[\w-][\w.-]*\.jsonl)",
    re.ASCII,
)


class Manifest(BaseModel):
    """The list of a bundle's files."""

    format: Literal[2]
    files: dict[str, tuple[str, Annotated[int, Field(ge=0, lt=2**62)]]]  # SHA-256, bytes


@stopping.at_once()
def pack(results: Iterable[str | Path], store: str | Path, output: str | Path) -> int:
    """Write a bundle; equal files give equal bytes.

    Args:
        results: Files below the working directory, as paths relative to it.
        store: The store's root, anywhere; in the bundle it is ``store``.
        output: The tar file, written whole or not at all.

    Returns:
        The number of files in the bundle.
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
    """Unpack a bundle without changing any file that exists.

    Args:
        bundle: The file.
        folder: The folder that snakemake runs in.
        store: The store's root, relative to that folder.

    Returns:
        The number of files written; files that exist already are left alone.

    Raises:
        CollectError: the file is no bundle or is damaged, or an existing file differs from the
            bundle's. No file is left that differs from the manifest.
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
                what = f"it needs {whole / 1e6:,.0f} MB, and {room / 1e6:,.0f} MB are free"
                raise refused(what, "free disk space, or unpack it elsewhere")
            for member in progress(tar, len(sums) + 1, "files"):
                name = member.name
                if name == MANIFEST:
                    continue
                source = tar.extractfile(member) if _plain(member) else None
                if source is None or name not in sums:
                    hint = "use the bundle as `make bundle` wrote it"
                    raise refused(f"a file that its manifest does not name: {name!r}", hint)
                # never outside results and the store, and there only the files of this stage
                if not PLACES.fullmatch(name):
                    hint = "`make bundle` did not write this file; do not unpack it"
                    raise refused(f"a file at a path that no bundle has: {name!r}", hint)
                wanted, size = sums.pop(name)
                if member.size != size:
                    raise refused(f"{name} has {member.size} bytes, its manifest says {size}")
                path = PurePosixPath(name)
                place = Path(store, path.relative_to("store")) if path.parts[0] == "store" else path
                written += _write(source, Path(folder, place), wanted, member.mtime)
    except (OSError, tarfile.TarError, ValueError, KeyError) as error:
        hint = "copy the bundle again, and check the free disk space"
        raise refused(
            f"cannot be unpacked: {getattr(error, 'strerror', None) or error}", hint
        ) from None
    if sums:
        raise refused(f"{len(sums)} files of its manifest are missing, such as {next(iter(sums))}")
    return written


def _write(source: IO[bytes], place: Path, wanted: str, modified: float) -> bool:
    """Write a file unless it exists; returns whether it did, raises CollectError if it differs."""
    if place.exists():
        if file_digest(place) != wanted:
            what = "exists already and differs from the bundle's file"
            hint = "unpack into an empty folder, or delete the file to use the bundle's"
            raise CollectError(what, where=str(place), hint=hint)
        return False
    with atomic_write(place, binary=True) as stream:
        total = hashlib.sha256()
        while block := source.read(2**20):
            total.update(block)
            stream.write(block)
        if total.hexdigest() != wanted:
            what, hint = "its SHA-256 differs from the manifest's", "copy the bundle again"
            raise CollectError(what, where=place.name, hint=hint)
        stream.flush()
        os.utime(stream.fileno(), (modified, modified))  # snakemake compares time stamps
    return True


def _manifest(tar: tarfile.TarFile) -> dict[str, tuple[str, int]] | None:
    """The manifest's files; None if the first member is no manifest of this version."""
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
    """Whether a member is a regular file stored in full: no link, no device, not sparse."""
    return member.isreg() and not member.issparse()


def _member(name: str, size: int, modified: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, modified, 0o644
    return member


def _main() -> None:
    parser = argparse.ArgumentParser(prog="papertune.collect.bundle", description=__doc__)
    parser.add_argument("bundle", help="a file that `make bundle` wrote")
    parser.add_argument(
        "--store", default="store", help="the store's folder, as in config/config.yaml"
    )
    parser.add_argument("--trust-group", action="store_true", help="as in config/config.yaml")
    chosen = parser.parse_args()
    store = part_of(chosen.store, trust=chosen.trust_group)
    try:
        share([store], trust=chosen.trust_group)
        written = unpack(chosen.bundle, store=store)
    except (PapertuneError, NotOwned) as error:
        sys.exit(str(error))
    print(f"{chosen.bundle}: {written} files unpacked; a run requests none of them from a site")


if __name__ == "__main__":
    _main()
