"""What writes pairs: one module per backend behind the protocol of ``protocol.py``."""

from importlib import import_module
from pathlib import Path

from papertune.generators.protocol import Backend
from papertune.study.settings import Generator


def open_backend(generator: Generator, *, folder: Path | None, threads: int) -> Backend:
    """The backend of a generator; nothing is loaded or connected before the first request.

    Args:
        generator: Its settings, which name the backend's class.
        folder: Where its model lies on this machine (``transformers`` only).
        threads: CPU threads of this job.

    Raises:
        GeneratorError: the settings cannot work on this machine.
    """
    module, _, name = generator.opened_as.partition(":")
    backend: Backend = getattr(import_module(module), name)(
        generator, folder=folder, threads=threads
    )
    return backend
