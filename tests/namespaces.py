"""Namespaces of processes: what they have mounted, and their network."""

from __future__ import annotations

import ctypes
import os
import subprocess

_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS of linux/sched.h


def own_mounts() -> None:
    """What is mounted from now on is seen by this process and by what it starts, and nobody else.

    Raises:
        PermissionError: this machine does not let us.
    """
    _libc("unshare", _NEW_MOUNTS)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def opened(kind: str, pid: int | str = "self") -> int:
    """A process's namespace, `mnt` or `net`, as a file descriptor."""
    return os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)


def join(kind: str, namespace: int) -> None:
    """Be in that namespace; this process must have one thread only."""
    if os.fstat(namespace).st_ino != os.stat(f"/proc/self/ns/{kind}").st_ino:
        _libc("setns", namespace, 0)


def _libc(function: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments):
        raise OSError(error := ctypes.get_errno(), os.strerror(error))
