"""The parts of an experiment file as typed objects; :mod:`papertune.experiment` puts them together.

The JSON schemas in ``workflow/schemas/`` say the same to editors; a test keeps them in step.
Fields marked :func:`cosmetic` never enter an identity: changing them reruns nothing.
"""

from papertune.settings.base import NAME, Name, Settings, Years, cosmetic
from papertune.settings.collect import (
    DblpApiSource,
    DblpSource,
    DemoSource,
    Fetching,
    FilesSource,
    PmlrSource,
    Resolver,
)
from papertune.settings.configuration import Configuration
from papertune.settings.evaluate import PACKAGED_EMBEDDER, Comparison, Compute, Embedder, Published
from papertune.settings.models import (
    Answering,
    Architecture,
    Base,
    Corpus,
    Lora,
    Model,
    Pretraining,
    Tokenizer,
    Training,
)
from papertune.settings.sources import Source, years_in
from papertune.settings.synthesize import (
    Decoding,
    Generator,
    GeneratorSettings,
    OpenAIGenerator,
    PromptedGenerator,
    RulesGenerator,
    SourceGenerator,
    TransformersGenerator,
)

__all__ = [
    "NAME",
    "PACKAGED_EMBEDDER",
    "Answering",
    "Architecture",
    "Base",
    "Comparison",
    "Compute",
    "Configuration",
    "Corpus",
    "DblpApiSource",
    "DblpSource",
    "Decoding",
    "DemoSource",
    "Embedder",
    "Fetching",
    "FilesSource",
    "Generator",
    "GeneratorSettings",
    "Lora",
    "Model",
    "Name",
    "OpenAIGenerator",
    "PmlrSource",
    "Pretraining",
    "PromptedGenerator",
    "Published",
    "Resolver",
    "RulesGenerator",
    "Settings",
    "Source",
    "SourceGenerator",
    "Tokenizer",
    "Training",
    "TransformersGenerator",
    "Years",
    "cosmetic",
    "years_in",
]
