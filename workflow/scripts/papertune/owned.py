"""Safe use of paths that other accounts can write to: temporary directories, group folders.

Where others can write, a predictable name may be a link, a fifo or another account's file, or may
be replaced at any moment. ``open(path, opener=own)`` and :func:`anybodys` accept regular files
only, follow no link at the end of the path, never block, and truncate a file only after checking
it.

In a folder that others can write to, each user works in a private subfolder, unless the members of
its group are trusted (``trust_group``): they then share the folder, and new files belong to the
group. The process's umask is not changed.
"""

import errno
import logging
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("papertune")

# In the environment, so that all processes of a job see it: the folders that a trusted group
# shares, joined by os.pathsep.
SHARED = "PAPERTUNE_SHARED"
OF_A_GROUP = stat.S_ISGID | stat.S_IWGRP  # a folder after `chmod g+ws`
NO_FILE = {errno.ELOOP: "is a link", errno.ENXIO: "is not a regular file"}


class NotOwned(PermissionError):
    """A path that belongs to another account, or may be changed by one."""

    def __init__(self, path: str | Path, what: str) -> None:
        super().__init__(errno.EPERM, f"is not trusted: it {what}", str(path))

    def __str__(self) -> str:
        return f"{self.filename} {self.strerror}"


def part_of(folder: str | Path, *, trust: bool) -> Path:
    """Return the folder itself, or this user's subfolder if others can write to the folder.

    A folder that does not exist yet is judged by the permissions it would be created with.
    """
    folder = Path(folder)
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    state = there.stat()
    owner, mode = state.st_uid, state.st_mode
    if there != folder:
        owner, mode = os.getuid(), mode & stat.S_ISGID | 0o777 & ~umask()
    others = owner not in (os.getuid(), 0) or mode & stat.S_IWOTH
    return folder if trust or not (others or _of_a_group(mode)) else folder / _mine()


def share(folders: Iterable[str | Path], *, trust: bool) -> None:
    """Declare the working folders, as :func:`part_of` returns them, and whether a group is trusted.

    Raises:
        NotOwned: this user's subfolder belongs to another account.
    """
    places = [Path(os.path.abspath(folder)) for folder in folders]
    for place in places:
        if place.name == _mine():
            make_folder(place.parent)
            private_folder(place)
    os.environ[SHARED] = os.pathsep.join(map(str, places)) if trust else ""


def own(path: str, flags: int) -> int:
    """An opener of files of this user or a trusted group; raises NotOwned and OSError."""
    return _open(path, flags, {os.getuid(), 0})


def anybodys(path: str, flags: int) -> int:
    """An opener of regular files of any account: callers must not trust the content."""
    return _open(path, flags, None)


def _open(path: str, flags: int, users: set[int] | None) -> int:
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    shared = _shared(path)
    try:
        file = os.open(path, flags & ~os.O_TRUNC, 0o666)
    except OSError as error:
        if error.errno in NO_FILE:
            raise NotOwned(path, NO_FILE[error.errno]) from None
        raise
    try:
        state = os.fstat(file)
        if not stat.S_ISREG(state.st_mode):
            raise NotOwned(path, "is not a regular file")
        if not shared and users is not None and state.st_uid not in users:
            raise NotOwned(path, _of(state))
        if shared and flags & os.O_CREAT and state.st_uid == os.getuid() and not state.st_size:
            os.fchmod(file, file_mode(path, stat.S_IMODE(state.st_mode)))
        if flags & os.O_TRUNC:
            os.ftruncate(file, 0)
    except BaseException:
        os.close(file)
        raise
    return file


def private_folder(path: str | Path) -> Path:
    """Return a folder that only this user can write to; it is created if missing.

    Raises:
        NotOwned: it is a link, belongs to another account, or others can write to it.
    """
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)
    state = os.lstat(path)
    if not stat.S_ISDIR(state.st_mode):
        raise NotOwned(path, "is not a folder")
    if state.st_uid != os.getuid():
        raise NotOwned(path, _of(state))
    if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotOwned(path, "can be written by others")
    return Path(path)


def held_folder(path: str | Path) -> Path:
    """Return a path to a private folder that stays valid if the folder's name is taken over.

    It is valid while this process lives. Raises NotOwned and OSError (a link, not a folder).
    """
    file = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    state = os.fstat(file)
    if state.st_uid != os.getuid():
        raise NotOwned(path, _of(state))
    if state.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise NotOwned(path, "can be opened by others")
    return Path(f"/proc/{os.getpid()}/fd/{file}")


def make_folder(path: str | Path) -> Path:
    """Create a folder and its parents; in a shared folder, new ones belong to the group.

    Raises:
        NotOwned: a link by another account leads out of the group's folder.
    """
    path = Path(path)
    shared = _shared(path)
    try:
        os.mkdir(path)
    except FileNotFoundError:
        make_folder(path.parent)
        return make_folder(path)
    except FileExistsError:
        if not path.is_dir():
            raise
    else:
        if shared:
            set_mode(path, stat.S_IMODE(path.stat().st_mode) | stat.S_ISGID | stat.S_IRWXG)
    return path


def beside(folder: Path) -> Path:
    """Return the folder, or a sibling of this user where another member's cannot be written."""
    if not os.path.lexists(folder) or os.access(folder, os.W_OK | os.X_OK):
        return folder
    return folder.with_name(f"{folder.name}-{os.getuid()}")


def give(folder: Path) -> None:
    """Give the group access to files below a folder that other programs wrote."""
    if not _shared(folder):
        return
    for path in (folder, *folder.rglob("*")):
        mode = os.lstat(path).st_mode
        if stat.S_ISDIR(mode):
            set_mode(path, stat.S_IMODE(mode) | stat.S_ISGID | stat.S_IRWXG)
        elif stat.S_ISREG(mode):
            set_mode(path, file_mode(path, stat.S_IMODE(mode)))


_told: set[str] = set()


def tell(error: OSError) -> None:
    """Log, once per folder, that something in it is skipped."""
    folder = os.path.dirname(str(error.filename))
    if folder not in _told:
        _told.add(folder)
        log.warning("%s; it is skipped, and so is everything like it in that folder", error)


def file_mode(path: str | Path, mode: int | None = None) -> int:
    """The mode of a new file: by the umask, plus the group's permissions in a shared folder."""
    mode = 0o666 & ~umask() if mode is None else mode
    return mode | 0o060 if _shared(path) else mode


def set_mode(path: str | Path, mode: int) -> None:
    """``chmod`` that follows no link."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fchmod(file, mode)
    finally:
        os.close(file)


def umask() -> int:
    """Read the process's umask; ``os.umask`` would have to change it, for other threads as well."""
    with open("/proc/self/status", "rb") as stream:
        return next(int(line.split()[1], 8) for line in stream if line.startswith(b"Umask:"))


def _mine() -> str:
    return f"member-{os.getuid()}"


def _of(state: os.stat_result) -> str:
    return f"belongs to user {state.st_uid}"


def _of_a_group(mode: int) -> bool:
    return mode & OF_A_GROUP == OF_A_GROUP


def _shared(path: str | Path) -> bool:
    """Whether a path is in a folder that a trusted group, and nobody else, shares.

    Raises:
        NotOwned: it is, or is below, a link there that another account made.
    """
    place = Path(os.path.abspath(path))
    for folder in filter(None, os.environ.get(SHARED, "").split(os.pathsep)):
        if not place.is_relative_to(folder):
            continue
        inner = place.relative_to(folder)
        for part in (inner, *inner.parents)[:-1]:
            with suppress(FileNotFoundError):
                state = os.lstat(Path(folder, part))
                if stat.S_ISLNK(state.st_mode) and state.st_uid not in (os.getuid(), 0):
                    raise NotOwned(Path(folder, part), f"is a link and {_of(state)}")
        with suppress(OSError):
            root, above = os.stat(folder).st_mode, os.stat(place.parent).st_mode
            return _of_a_group(root) and not (root | above) & stat.S_IWOTH
    return False
