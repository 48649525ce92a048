"""The code around a program in the sandbox; all other code there is the model's.

It is read as text and needs only the standard library. The filter of system calls
(:mod:`papertune.sandbox.syscalls`) is set before the first line of the program.
"""

import ctypes
import os
import sys
import types


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("rules", ctypes.c_char_p))


def limit(rules: bytes) -> None:
    """Refuse system calls from here on, in all children, too; raises OSError if that fails."""
    calls = ctypes.CDLL(None, use_errno=True)
    given = _Filter(len(rules) // 8, rules)
    # PR_SET_NO_NEW_PRIVS, which a filter requires; PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    for number, value, more in ((38, 1, None), (22, 2, ctypes.byref(given))):
        if calls.prctl(number, value, more, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")


def run(program: str, rules: bytes, channel: int) -> None:
    """Signal the start, run a program and, if it reaches its end, ask for the word and return it."""
    read, write = os.read, os.write  # the program may replace them
    if rules:
        limit(rules)
    write(channel, b".")
    module = sys.modules["program"] = types.ModuleType("program")  # dataclasses need their module
    exec(compile(program, "program.py", "exec"), module.__dict__)
    write(channel, b"?")
    write(channel, read(channel, 64))
