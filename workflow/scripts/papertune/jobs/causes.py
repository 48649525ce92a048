"""Explain errors of the system and of libraries, with what to do about them."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from papertune.errors import PapertuneError

FULL = {errno.ENOSPC, errno.EDQUOT}
# libraries in Rust give the number; torch's writer hides the system's error
FULL_SIGNS = re.compile(
    r"no space left on device|disk quota exceeded|\(os error (?:28|122)\)"
    r"|PytorchStreamWriter failed.{0,1000}file write failed|unexpected pos \d+ vs \d+",
    re.IGNORECASE,
)
# messages of torch's allocators, the CUDA libraries and the kernel
GPU_MEMORY = re.compile(r"(?:CUDA|HIP)\b.{0,40}out of memory|_ALLOC_FAILED", re.IGNORECASE)
MEMORY = re.compile(r"can(?:'|no)t allocate memory|not enough memory|bad_alloc", re.IGNORECASE)
GPU = re.compile(
    r"\b(?:CUDA|cuDNN|NCCL|NVIDIA|HIP|CUBLAS)\b.{0,20}\b(?:error|driver)|no kernel image",
    re.IGNORECASE,
)
LIBRARIES_OF_THE_WEB = ("requests", "urllib3", "httpx", "httpcore", "huggingface_hub")
SENTENCE = 300  # characters of what a library says; some give a page of advice

AGAIN = "run the same command again: finished work is kept"
HINTS = {
    errno.EACCES: "get permission to it (ls -ld shows the owner), or run in a folder of your own",
    errno.EROFS: "it is mounted read-only: run where you may write, or replace it by a link to such "
    "a folder",
    errno.ENOENT: f"was it moved or deleted during the run? Restore it, then {AGAIN}",
    errno.EMFILE: f"allow more open files (ulimit -n 65536), then {AGAIN}",
    errno.ENAMETOOLONG: "give experiment, model or generator a shorter name, or run in a folder "
    "with a shorter path",
}
HINTS[errno.EPERM] = HINTS[errno.EACCES]


class DiskFullError(PapertuneError):
    """The disk had no room for a job's output."""


@contextmanager
def in_words() -> Iterator[None]:
    """Translate known errors raised within into messages that say what to do.

    Raises:
        PapertuneError: instead of a known error; others pass unchanged.
    """
    try:
        yield
    except PapertuneError:
        raise
    except Exception as error:
        if (told := cause_of(error)) is None:
            raise
        raise told from error


def cause_of(error: BaseException) -> PapertuneError | None:
    """The known cause of an error or of one that led to it; None if it is unknown."""
    chain, one = list[BaseException](), error
    while one is not None and one not in chain:
        chain.append(one)
        one = one.__cause__ or one.__context__  # type: ignore[assignment]
    for find in (_full_disk, _memory, _gpu, _library, _weights, _web, _system):
        for one in chain:
            if told := find(one):
                return told
    return None


def unknown(error: BaseException) -> PapertuneError:
    """The message for an unknown error: a fault of Papertune."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    hint = "this is a fault of Papertune: report it with its log, which has the traceback"
    return PapertuneError(what, hint=hint)


def _said(error: BaseException) -> str:
    """The first sentence of an error's message."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    line = re.split(r"(?<=\w)\. (?=[A-Z])", line)[0].rstrip(".")
    return line[:SENTENCE]


def _full_disk(error: BaseException) -> PapertuneError | None:
    number = isinstance(error, OSError) and error.errno in FULL
    if not number and not FULL_SIGNS.search(str(error)):
        return None
    said = os.strerror(error.errno) if number else _said(error)  # type: ignore[attr-defined]
    return DiskFullError(
        f"the disk, or your quota on it, is full ({said})",
        where=str(getattr(error, "filename", None) or ""),
        hint="free space on the disk of results/ and store/, then run the command again: finished work is "
        "kept, training resumes from its newest complete checkpoint",
    )


def _memory(error: BaseException) -> PapertuneError | None:
    said = str(error)
    if type(error).__name__ == "OutOfMemoryError" or GPU_MEMORY.search(said):
        return PapertuneError(
            f"the GPU's memory does not hold it: {_said(error)}",
            hint="end other processes on the GPU (nvidia-smi shows them); otherwise set "
            "training.gradient_checkpointing: true, a smaller training.max_length, or lora or qlora, "
            "or take a GPU with more memory",
        )
    number = isinstance(error, OSError) and error.errno == errno.ENOMEM
    if number or isinstance(error, MemoryError) or MEMORY.search(said):
        return PapertuneError(
            f"the machine's memory does not hold it: {_said(error)}",
            hint="raise compute.memory_mb on a cluster; here, end other processes, or run one "
            f"job at a time (--cores 1), then {AGAIN}",
        )
    return None


def _gpu(error: BaseException) -> PapertuneError | None:
    if isinstance(error, OSError | ImportError) or not GPU.search(str(error)):
        return None
    return PapertuneError(
        f"the GPU or its driver failed: {_said(error)}",
        hint=f"{AGAIN}. If it fails there again, check nvidia-smi, and that the driver supports the "
        'version that python -c "import torch; print(torch.version.cuda)" prints',
    )


def _library(error: BaseException) -> PapertuneError | None:
    name = (getattr(error, "name", "") or "").partition(".")[0]
    if not isinstance(error, ImportError) or name == "papertune":
        return None
    return PapertuneError(
        f"a library is missing or does not load: {_said(error)}",
        hint="make install installs all of them into .venv; does this run use the Python of .venv?",
    )


def _weights(error: BaseException) -> PapertuneError | None:
    if type(error).__name__ != "SafetensorError":
        return None
    return PapertuneError(
        f"a file of weights is broken: {_said(error)}",
        hint="delete the folder of the base under resources/ (or replace your own), then run the same "
        "command again",
    )


def _web(error: BaseException) -> PapertuneError | None:
    web = type(error).__module__.partition(".")[0] in LIBRARIES_OF_THE_WEB
    if not web and not isinstance(error, ConnectionError):
        return None
    return PapertuneError(
        f"the network or a server failed: {_said(error)}",
        hint=f"check that this machine reaches it (https_proxy?), then {AGAIN}",
    )


def _system(error: BaseException) -> PapertuneError | None:
    if not isinstance(error, OSError):
        return None
    hint = HINTS.get(
        error.errno or 0, f"{AGAIN}. If it fails there again, ask the disk's administrator"
    )
    return PapertuneError(
        error.strerror or _said(error), where=str(error.filename or ""), hint=hint
    )
