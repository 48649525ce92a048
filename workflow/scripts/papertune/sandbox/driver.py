"""What a program runs in, within the sandbox: the only code there that is not the model's.

It is read as text and needs the standard library alone. The filter of system calls
(:mod:`papertune.sandbox.syscalls`) is set before the first line of the program.
"""

import ctypes
import os
import sys
import types


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("rules", ctypes.c_char_p))


def limit(rules: bytes) -> None:
    """Refuse system calls from here on, in all children, too; raises OSError where that cannot be."""
    calls = ctypes.CDLL(None, use_errno=True)
    given = _Filter(len(rules) // 8, rules)
    # PR_SET_NO_NEW_PRIVS, without which nobody may; PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    for number, value, more in ((38, 1, None), (22, 2, ctypes.byref(given))):
        if calls.prctl(number, value, more, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")


def run(program: str, rules: bytes, channel: int) -> None:
    """Say that it begins, run a program and, if it came to its end, ask for the word and give it back."""
    read, write = os.read, os.write  # whatever the program makes of them
    if rules:
        limit(rules)
    write(channel, b".")
    module = sys.modules["program"] = types.ModuleType("program")  # data classes look for theirs
    exec(compile(program, "program.py", "exec"), module.__dict__)
    write(channel, b"?")
    write(channel, read(channel, 64))
