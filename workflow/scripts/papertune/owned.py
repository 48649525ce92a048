"""Names that other accounts may have taken: in the temporary directory, in a folder of a group.

Where others may write, a name that is known beforehand may stand for a link, a fifo or a file of
somebody else's. ``open(path, opener=own)`` and its like take regular files only, follow no link at
the end of the path, wait for nobody and empty a file only once it is known to be the right one.

A store that a group shares has modes of its own; the process's umask stays as the user has it. What
other members made there is taken only if the user says so (``trust_group``).
"""

import errno
import logging
import os
import stat
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("papertune")

# In the environment, so that all processes of a job know: whether members of the group are trusted,
# and the folders that people may share (by os.pathsep).
SHARED = "PAPERTUNE_SHARED"
OF_A_GROUP = stat.S_ISGID | stat.S_IWGRP  # a folder after `chmod g+ws`
NO_FILE = {errno.ELOOP: "is a link", errno.ENXIO: "is no regular file"}
_UMASK = threading.Lock()


class NotOwned(PermissionError):
    """A name that somebody else has taken, or may have."""

    def __init__(self, path: str | Path, what: str) -> None:
        super().__init__(errno.EPERM, f"is not taken: it {what}", str(path))

    def __str__(self) -> str:
        return f"{self.filename} {self.strerror}"


def share(folders: Iterable[str | Path], *, trust: bool) -> None:
    """Say which folders people may share, and whether what others made there is taken."""
    places = (os.path.abspath(folder) for folder in folders)
    os.environ[SHARED] = os.pathsep.join([str(int(trust)), *places])


def own(path: str, flags: int) -> int:
    """An opener of this user's files, or those of a trusted group; raises NotOwned and OSError."""
    return _open(path, flags, {os.getuid(), 0}, _trusts(path))


def members(path: str, flags: int) -> int:
    """An opener as :func:`own`, for files that a group works on together and that tell nothing."""
    return _open(path, flags, {os.getuid(), 0}, _shared(path) is not None, together=True)


def anybodys(path: str, flags: int) -> int:
    """An opener of regular files, whoever made them: what is in them is believed by nobody."""
    return _open(path, flags, set(), True)


def _open(path: str, flags: int, users: set[int], all_users: bool, together: bool = False) -> int:
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = os.open(path, flags & ~os.O_TRUNC, 0o666)
    except OSError as error:
        if error.errno in NO_FILE:
            raise NotOwned(path, NO_FILE[error.errno]) from None
        raise
    try:
        state = os.fstat(file)
        if not stat.S_ISREG(state.st_mode):
            raise NotOwned(path, "is no regular file")
        if not all_users and state.st_uid not in users:
            raise NotOwned(path, _of(state, path))
        if flags & os.O_CREAT and state.st_uid == os.getuid() and not state.st_size:
            os.fchmod(file, file_mode(path, stat.S_IMODE(state.st_mode), together=together))
        if flags & os.O_TRUNC:
            os.ftruncate(file, 0)
    except BaseException:
        os.close(file)
        raise
    return file


def private_folder(path: str | Path) -> Path:
    """A folder that this user alone may write into, made if it is not there.

    Raises:
        NotOwned: it is a link, another account's, or others may write into it.
    """
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)
    state = os.lstat(path)
    if not stat.S_ISDIR(state.st_mode):
        raise NotOwned(path, "is no folder")
    if state.st_uid != os.getuid():
        raise NotOwned(path, _of(state, path))
    if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotOwned(path, "can be written by others")
    return Path(path)


def held_folder(path: str | Path) -> Path:
    """A way to a folder that only this user can open, which leads to it whatever takes its name.

    It is good as long as this process lives. Raises NotOwned and OSError (a link, no folder).
    """
    file = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    state = os.fstat(file)
    if state.st_uid != os.getuid():
        raise NotOwned(path, _of(state, path))
    if state.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise NotOwned(path, "can be opened by others")
    return Path(f"/proc/{os.getpid()}/fd/{file}")


def make_folder(path: str | Path) -> Path:
    """A folder and those above it; in one that a group shares, new ones are the group's as well.

    Raises:
        NotOwned: the name is another account's link, in a folder that others may write into.
    """
    path = Path(path)
    try:
        os.mkdir(path)
    except FileNotFoundError:
        make_folder(path.parent)
        return make_folder(path)
    except FileExistsError:
        if not path.is_dir():
            raise
        state = os.lstat(path)
        foreign = state.st_uid not in (os.getuid(), 0) and not _trusts(path)
        if stat.S_ISLNK(state.st_mode) and foreign:
            raise NotOwned(path, f"is a link and {_of(state, path)}") from None
    else:
        if _shared(path) is not None:
            set_mode(path, stat.S_IMODE(path.stat().st_mode) | stat.S_ISGID | stat.S_IRWXG)
    return path


def work_folder(folder: Path) -> Path:
    """A folder for unfinished work, made if need be: nobody writes into it but trusted members.

    It is another one beside it where somebody else has the name.
    """
    folder = make_folder(beside(folder))
    if _shared(folder) is False:
        set_mode(folder, stat.S_ISGID | 0o700)  # what is made in it is still the group's
    return folder


def beside(folder: Path) -> Path:
    """The folder itself, or the name beside it that is this user's where it is not taken."""
    try:
        check_tree(folder)
        if not os.path.lexists(folder) or os.access(folder, os.W_OK | os.X_OK):
            return folder
    except NotOwned as error:
        tell(error)
    return folder.with_name(f"{folder.name}-{os.getuid()}")


def check_tree(folder: Path) -> None:
    """Raise NotOwned where a folder, or anything in it, is another account's and not trusted."""
    for path in (folder, *folder.rglob("*")):
        with suppress(FileNotFoundError):
            state = os.lstat(path)
            if state.st_uid not in (os.getuid(), 0) and not _trusts(path):
                raise NotOwned(path, _of(state, path))


def check_shared(paths: Iterable[str | Path]) -> None:
    """As :func:`check_tree`, of what lies in folders that people may share."""
    for path in map(Path, paths):
        if _known(path):
            check_tree(path)


def give(folder: Path) -> None:
    """Let a group have what was written below a folder by other means, as :func:`file_mode` says."""
    if (trusted := _shared(folder)) is None:
        return
    for path in (folder, *folder.rglob("*")):
        mode = os.lstat(path).st_mode
        if stat.S_ISDIR(mode):
            set_mode(path, stat.S_IMODE(mode) | (0o2070 if trusted else 0o050))
        elif stat.S_ISREG(mode):
            set_mode(path, file_mode(path, stat.S_IMODE(mode)))


_told: set[str] = set()


def tell(error: OSError) -> None:
    """Say once, for each folder, that something in it is passed over."""
    folder = os.path.dirname(str(error.filename))
    if folder not in _told:
        _told.add(folder)
        log.warning("%s; it is passed over, and so is all like it in that folder", error)


def file_mode(path: str | Path, mode: int | None = None, *, together: bool = False) -> int:
    """The mode of a new file: as the umask says, but where a group shares its folder.

    There the group may read it. It may write it only if members are trusted, or work on it
    ``together``: else a file's owner would not say who wrote it.
    """
    mode = 0o666 & ~umask() if mode is None else mode
    if (trusted := _shared(path)) is None:
        return mode
    return mode | 0o060 if trusted or together else (mode | 0o040) & ~0o020


def set_mode(path: str | Path, mode: int) -> None:
    """``chmod`` that follows no link."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fchmod(file, mode)
    finally:
        os.close(file)


def umask() -> int:
    """The process's umask, which can only be read by setting it."""
    with _UMASK:
        mask = os.umask(0)
        os.umask(mask)
    return mask


def _of(state: os.stat_result, path: str | Path) -> str:
    hint = " (trust_group in config/config.yaml takes it)" if _known(path) else ""
    return f"belongs to user {state.st_uid}{hint}"


def _known(path: str | Path) -> tuple[Path, bool] | None:
    """The folder that people may share which a path lies in, and whether its members are trusted."""
    trust, *folders = os.environ.get(SHARED, "").split(os.pathsep)
    place = os.path.abspath(path)
    for folder in folders:
        if place == folder or place.startswith(folder.rstrip(os.sep) + os.sep):
            return Path(folder), trust == "1"
    return None


def _trusts(path: str | Path) -> bool:
    """Whether others' files are taken at a path: nowhere where anybody may write."""
    with suppress(OSError):
        if (known := _known(path)) and known[1]:
            return not (known[0].stat().st_mode | os.stat(Path(path).parent).st_mode) & stat.S_IWOTH
    return False


def _shared(path: str | Path) -> bool | None:
    """Whether members are trusted, where a path lies in a folder that a group shares; else None."""
    with suppress(OSError):
        if (known := _known(path)) and known[0].stat().st_mode & OF_A_GROUP == OF_A_GROUP:
            return known[1]
    return None
