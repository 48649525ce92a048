"""Errors of the system and of libraries: what each means, and what an unknown one says."""

import errno
import json

import pytest

from papertune.errors import PapertuneError, TrainingError
from papertune.jobs.causes import DiskFullError, cause_of, in_words, unknown


class SafetensorError(Exception):
    """As safetensors calls it."""


def of(module: str, name: str) -> Exception:
    """An error of a library that is not loaded for the test."""
    return type(name, (Exception,), {"__module__": module})("nobody listens")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EDQUOT, "Disk quota exceeded", "results/x"), ["results/x", "free space"]),
        (RuntimeError("CUDA error: out of memory\nCompile with"), ["GPU's memory", "max_length"]),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when"), ["GPU's memory"]),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you"), ["--cores"]),
        (MemoryError(), ["machine's memory", "compute.memory_mb"]),
        (RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel"), ["nvidia-smi"]),
        (RuntimeError("The NVIDIA driver on your system is too old (found 11)"), ["nvidia-smi"]),
        (RuntimeError("NCCL Error 2: unhandled system error"), ["nvidia-smi"]),
        (ModuleNotFoundError("No module named 'peft'", name="peft"), ["peft", "make install"]),
        (ImportError("libcudart.so.12: cannot open shared object"), ["make install"]),
        (PermissionError(errno.EACCES, "Permission denied", "store/x"), ["store/x", "ls -ld"]),
        (OSError(errno.EROFS, "Read-only file system", "x"), ["read-only"]),
        (OSError(errno.EMFILE, "Too many open files"), ["ulimit"]),
        (OSError(errno.ESTALE, "Stale file handle", "x"), ["the same command again"]),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x"), ["shorter name"]),
        (SafetensorError("Error while deserializing header: invalid"), ["weights", "resources/"]),
        (ConnectionRefusedError(111, "Connection refused"), ["https_proxy"]),
        (of("requests.exceptions", "ConnectTimeout"), ["nobody listens", "https_proxy"]),
    ],
)  # fmt: skip
def test_what_is_known_is_told_with_what_to_do(error, words):
    with pytest.raises(PapertuneError) as told, in_words():
        raise error
    assert told.value.hint and told.value.__cause__ is error
    for word in words:
        assert word in str(told.value)
    assert "\n" not in told.value.what


def test_what_led_to_an_error_is_looked_at_and_what_is_told_already_passes():
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError:
            raise KeyError("state")  # noqa: B904 - of a library that clears up
    except KeyError as error:
        assert isinstance(cause_of(error), DiskFullError)
    known = TrainingError("CUDA out of memory", hint="as it says")
    with pytest.raises(TrainingError) as told, in_words():
        raise known
    assert told.value is known


@pytest.mark.parametrize(
    "error",
    [
        TypeError("odd"),
        KeyError("question"),
        AssertionError(),
        json.JSONDecodeError("Expecting value", "", 0),
        ImportError("cannot import name 'x'", name="papertune.files"),
    ],
)
def test_what_nobody_has_thought_of_is_a_fault_of_ours(error):
    assert cause_of(error) is None
    assert type(error).__name__ in unknown(error).what and "report" in unknown(error).hint
