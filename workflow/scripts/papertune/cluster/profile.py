"""Install a site's profile where Snakemake finds it by name.

Command: ``python -m papertune.cluster.profile FOLDER NAME``.
"""

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from papertune.errors import PapertuneError, shown
from papertune.files import atomic_write

# of several files, Snakemake takes the one for the highest version
NAMED = re.compile(r"(profile|config)(\.v\d+\+)?\.yaml")


class ProfileError(PapertuneError):
    """A folder without a profile, or a name that is not allowed."""


def users_place() -> Path:
    """The folder where Snakemake looks for a user's profiles."""
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    return Path(folder or Path.home() / ".config", "snakemake")


def put(profile: str | Path, name: str, place: str | Path) -> Iterator[str]:
    """Copy a profile's folder to ``place/name``; yields what was done, in words.

    An existing file with other content is kept beside the new one. Paths relative to the profile's
    folder are made absolute.

    Raises:
        ProfileError: the folder has no profile, or the name is a path.
    """
    source, target = Path(profile), Path(place, name)
    if not re.fullmatch(r"[\w.-]*\w", name):
        hint = "letters, digits, dots, dashes: CALLED=slurm"
        raise ProfileError(f"a profile cannot be called {name!r}", hint=hint)
    wanted = {path.name: path for path in source.glob("*") if path.is_file()}
    wanted.pop("README.md", None)
    if not any(map(NAMED.fullmatch, wanted)):
        hint = "PROFILE=profiles/slurm, or your copy of it"
        raise ProfileError("there is no config.yaml here", where=str(source), hint=hint)
    if target.exists() and source.samefile(target):
        yield f"{target} is up to date"
        return
    target.mkdir(parents=True, exist_ok=True)
    texts = {path.name: _text(path, source) for path in wanted.values()}
    for path in sorted(target.iterdir()):
        rival = NAMED.fullmatch(path.name) and path.name not in texts
        if rival or (path.name in texts and path.read_bytes() != texts[path.name]):
            kept = path.with_name(f"{path.name}.kept-{time.strftime('%Y%m%d-%H%M%S')}")
            path.rename(kept)
            yield f"kept the earlier file: {kept}"
    for file, text in texts.items():
        with atomic_write(target / file, binary=True) as stream:
            stream.write(text)
        shutil.copymode(wanted[file], target / file)
    yield f"{source} is copied to {target}: snakemake --profile {name}"
    if (here := Path(name)).exists():
        yield f"{here.absolute()} takes precedence here: give the full path, or CALLED=another"
    yield "this is a copy: after changes, copy it again"


def _text(path: Path, source: Path) -> bytes:
    """A file's bytes; in a profile, relative paths are made absolute."""
    if not NAMED.fullmatch(path.name):
        return path.read_bytes()

    def whole(found: re.Match[str]) -> str:
        start, value = found[1], found[2].strip("'\"")
        there = source / value
        outside = value and there.exists() and not (source / value.split("/")[0]).is_file()
        return f"{start}{there.resolve()}" if outside and value != "." else found[0]

    text = path.read_text("utf-8")
    return re.sub(r"^([\w-]+: +)([^\s#\[{&*|>]+)(?=\s*(?:#|$))", whole, text, flags=re.M).encode()


if __name__ == "__main__":
    try:
        folder, called = sys.argv[1:3]
        for line in put(folder, called, users_place()):
            print(shown(line))
    except (PapertuneError, OSError) as problem:
        sys.exit(shown(str(problem)))
