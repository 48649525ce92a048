"""Settings of generators: rules, the source itself, and language models behind a backend.

The union is the only registry. A new generator is a class of settings that names its backend's class.
"""

from collections.abc import Mapping
from string import Template
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from papertune.study.settings.base import BatchSize, CommitOrNone, Settings, added, cosmetic
from papertune.study.settings.bases import Base
from papertune.study.settings.servers import ServerSettings


class Decoding(Settings):
    """How a generator's model writes. Temperature 0 is greedy."""

    temperature: float = Field(0.0, ge=0, description="sampling temperature; 0: greedy decoding")
    top_p: float = Field(
        1.0,
        gt=0,
        le=1,
        description="nucleus sampling: draw from the likeliest tokens with this total probability",
    )
    max_new_tokens: int = Field(
        512, ge=1, description="most tokens that are written, thoughts included"
    )
    seed: int = Field(1, description="seed of the sampling")
    stop: list[Annotated[str, Field(min_length=1)]] = added(
        [], description="stop sequences: the output ends before the first of them"
    )
    repetition_penalty: float = added(
        1.0, ge=1, le=10, description="lowers the logits of tokens already written; 1: no penalty"
    )


class GeneratorSettings(Settings):
    """What all generators have: a label, and the number of pairs per document."""

    opened_as: ClassVar[str]  # module:class of its :class:`papertune.generators.backends.Backend`
    has_folder: ClassVar[bool] = False  # its model is a folder here, not a name that a server knows
    label: str = cosmetic("", description="name in tables and figures; empty: made from the key")
    pairs: int = Field(3, ge=1, description="pairs asked for per document")

    def base_in(self, bases: Mapping[str, Base]) -> str:
        """The name in ``bases`` of the base that its model is; empty if it is none of them."""
        return ""

    def with_base(self, bases: Mapping[str, Base]) -> Self:
        """These settings with the base's origin and revision in place of its name."""
        return self


class RulesGenerator(GeneratorSettings):
    """Built-in rules, no weights: ``extractive`` (wh-questions) or ``cloze``."""

    opened_as: ClassVar[str] = "papertune.generators.backends:DirectBackend"
    backend: Literal["rules"]
    style: Literal["extractive", "cloze"] = Field(
        description="extractive: wh-questions about sentences; cloze: sentences with a gap"
    )


class SourceGenerator(GeneratorSettings):
    """The pairs that documents come with: a post and its best answer, a sentence and its translation."""

    opened_as: ClassVar[str] = "papertune.generators.backends:DirectBackend"
    backend: Literal["source"]
    pairs: Literal[1] = 1


class PromptedGenerator(GeneratorSettings):
    """What generators with a language model share."""

    model: str = Field(description="the model that writes")
    prompt: str = Field(description="path of a prompt template")
    decoding: Decoding = Field(Decoding(), description="how the model's tokens are chosen")
    attempts: int = Field(2, ge=1, description="attempts at a document before it is given up")
    candidates: int = added(
        1, ge=1, le=100, description="texts per attempt; the best pairs in them are kept"
    )
    grounding: float = Field(
        0.5, ge=0, le=1, description="least share of an answer's content words found in the text"
    )

    follow_ups: bool = added(
        False, description="the pairs about a document are the turns of one conversation"
    )

    @model_validator(mode="after")
    def _is_one_text(self) -> Self:
        if self.follow_ups and self.candidates > 1:
            raise ValueError("follow_ups: a conversation is one text; leave candidates at 1")
        return self

    def base_in(self, bases: Mapping[str, Base]) -> str:
        """See :meth:`GeneratorSettings.base_in`."""
        return self.model if self.has_folder and self.model in bases else ""

    def with_base(self, bases: Mapping[str, Base]) -> Self:
        """See :meth:`GeneratorSettings.with_base`.

        Raises:
            ValueError: ``revision`` is given beside the name of a base.
        """
        if not (name := self.base_in(bases)):
            return self
        if getattr(self, "revision", ""):
            said = f"{name!r} is a base of this experiment and has its own revision"
            raise ValueError(f"revision: {said}; leave it out here")
        base = bases[name]
        return self.model_copy(update={"model": base.origin, "revision": base.revision})


class TransformersGenerator(PromptedGenerator):
    """A model on this machine.

    ``model`` is the name of a base of the experiment, else a Hub id (with ``revision``) or a folder.
    """

    opened_as: ClassVar[str] = "papertune.generators.transformers_backend:TransformersBackend"
    has_folder: ClassVar[bool] = True
    backend: Literal["transformers"]
    revision: CommitOrNone = Field(
        "",
        description="commit of a model of the Hub, 40 hex digits; empty for any other model",
    )
    batch_size: BatchSize = cosmetic(
        "auto", description="documents per batch; auto: as many as memory holds"
    )


class OpenAIGenerator(PromptedGenerator, ServerSettings):
    """An OpenAI-compatible server such as vLLM or Ollama: a running one, or one that the job starts.

    With ``$model`` in the command line, ``model`` is a Hub id (with ``revision``) or a folder, and
    prompts are rendered here; else it is a name that the server knows.
    """

    one_of: ClassVar[tuple[str, ...]] = ("url", "serve")
    backend: Literal["openai"]
    revision: CommitOrNone = added(
        "",
        description="commit of a model of the Hub, 40 hex digits; empty for any other model",
    )

    @property
    def has_folder(self) -> bool:  # type: ignore[override]
        """Whether the server is given a folder."""
        return "model" in Template(self.serve).get_identifiers()

    @property
    def batch_size(self) -> int:
        """Prompts per batch: as many as there are requests at once."""
        return self.concurrency

    @property
    def opened_as(self) -> str:  # type: ignore[override]
        """Its backend: completions of prompts where the server is given a folder, else chat."""
        kind = "served_backend:ServedBackend" if self.has_folder else "openai_backend:OpenAIBackend"
        return f"papertune.generators.{kind}"


class Records(Settings):
    """Datasets as files of user and assistant records, which ``snakemake records`` writes."""

    size: int = Field(5000, ge=1, description="most records per file")


Generator = Annotated[
    RulesGenerator | SourceGenerator | TransformersGenerator | OpenAIGenerator,
    Field(discriminator="backend"),
]
