"""What every script does around its work: a log, and an error that ends it with one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from papertune.progress import job_log


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """The frame of a script's work.

    Args:
        snakemake: What Snakemake gives to scripts: rule, wildcards, log and so on.
    """
    with job_log(snakemake.log[0]):
        yield
