"""Hints for errors about missing files: what is there instead."""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from papertune.study.settings.notation import nearest

SHOWN = 8  # files that are named


def near_names(path: Path, endings: Collection[str] = ()) -> str:
    """The end of a message about a missing file: no folder, the nearest name, or some files."""
    if not path.parent.is_dir():
        return f", and no folder {path.parent}"
    names: list[str] = []
    with suppress(OSError):  # a folder may be entered, but not listed
        names = sorted(one.name for one in path.parent.iterdir() if not one.name.startswith("."))
    if near := nearest(path.name, names):
        return near
    there = files_in(path.parent, endings)
    folder = "this folder" if path.parent == Path() else path.parent
    return f"; {folder} has{there[1:]}" if there else ""


def files_in(folder: Path, endings: Collection[str]) -> str:
    """The names of some files with such an ending in a folder: ``: a.csv, b.bib``."""
    names: list[str] = []
    with suppress(OSError):
        there = (one for one in folder.iterdir() if one.suffix.lower() in endings and one.is_file())
        names = sorted(one.name for one in there if not one.name.startswith("."))
    return f": {', '.join(names[:SHOWN])}{' …' * (len(names) > SHOWN)}" if names else ""
