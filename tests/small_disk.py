"""A small file system of its own, to see what a full disk does."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A new folder that holds no more than a size such as ``256k``; skips where none can be had."""
    folder.mkdir()
    if not _mount(folder, f"size={size},mode=755"):
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def resize(folder: Path, size: str) -> None:
    """Give a small disk another size."""
    assert _mount(folder, f"remount,size={size}")


def fill(folder: Path) -> Path:
    """A file that leaves no room for another byte."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as stream, pytest.raises(OSError, match="No space left"):
        while True:
            stream.write(bytes(4096))
    return filler


def _mount(folder: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0
