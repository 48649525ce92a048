"""Every kind of generator, told apart by ``backend``: the only registry.

A new one is a class of settings that names its backend's class, in the union below.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from papertune.study.settings.base import Settings, cosmetic


class Decoding(Settings):
    """How a generator's model writes. Temperature 0 is greedy."""

    temperature: float = Field(0.0, ge=0)
    top_p: float = Field(1.0, gt=0, le=1)
    max_new_tokens: int = Field(512, ge=1)
    seed: int = 1


class GeneratorSettings(Settings):
    """What every backend has: a label, how many pairs it is to write per document.

    ``opened_as`` is a module and its class that :mod:`papertune.generators.backends` describes; it
    is made of ``(settings, *, folder, threads)``.
    """

    opened_as: ClassVar[str]

    label: str = cosmetic("")
    pairs: int = Field(3, ge=1, description="pairs asked for per document")


class RulesGenerator(GeneratorSettings):
    """Built-in rules, no weights: ``extractive`` (wh-questions) or ``cloze``."""

    opened_as: ClassVar[str] = "papertune.generators.backends:RulesBackend"
    backend: Literal["rules"]
    style: Literal["extractive", "cloze"]


class SourceGenerator(GeneratorSettings):
    """The pairs that documents come with: a post and its best answer, a sentence and its translation."""

    opened_as: ClassVar[str] = "papertune.generators.backends:SourceBackend"
    backend: Literal["source"]
    pairs: Literal[1] = 1


class PromptedGenerator(GeneratorSettings):
    """What generators with a language model share."""

    model: str
    prompt: str = Field(description="path of a prompt template")
    decoding: Decoding = Decoding()
    attempts: int = Field(2, ge=1, description="at a document, before it is given up")
    grounding: float = Field(
        0.5, ge=0, le=1, description="share of an answer's content words that the text must have"
    )


class TransformersGenerator(PromptedGenerator):
    """A model on this machine. ``model`` is a Hub id (then ``revision``, 40 hex digits) or a folder."""

    opened_as: ClassVar[str] = "papertune.generators.transformers_backend:TransformersBackend"
    backend: Literal["transformers"]
    revision: str = Field("", pattern=r"^([0-9a-f]{40})?$")
    batch_size: int = cosmetic(8, ge=1)


class OpenAIGenerator(PromptedGenerator):
    """An OpenAI-compatible server such as vLLM or Ollama. The key comes from the environment."""

    opened_as: ClassVar[str] = "papertune.generators.openai_backend:OpenAIBackend"
    backend: Literal["openai"]
    # a server may move: which model it serves is in `model`
    url: str = cosmetic(min_length=1)
    key_variable: str = cosmetic("OPENAI_API_KEY", description="name of the environment variable")
    concurrency: int = cosmetic(8, ge=1)
    timeout: float = cosmetic(120.0, gt=0, description="seconds per request")
    retries: int = cosmetic(5, ge=0)


Generator = Annotated[
    RulesGenerator | SourceGenerator | TransformersGenerator | OpenAIGenerator,
    Field(discriminator="backend"),
]
