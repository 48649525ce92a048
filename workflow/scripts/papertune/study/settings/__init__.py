"""The parts of an experiment file as typed objects; :mod:`papertune.study.experiment` puts them together.

The JSON schemas in ``workflow/schemas/`` say the same to editors; a test keeps them in step.
Fields marked :func:`cosmetic` never enter an identity: changing them reruns nothing. Fields marked
:func:`added` enter one unless they are at their default: older results stay.
"""

from papertune.study.settings.base import NAME, Name, Settings, Years, added, cosmetic
from papertune.study.settings.bases import Architecture, Base, Corpus, Pretraining, Tokenizer
from papertune.study.settings.collect import Fetching, Resolver
from papertune.study.settings.evaluate import (
    PACKAGED_EMBEDDER,
    Comparison,
    Compute,
    Embedder,
    Published,
)
from papertune.study.settings.models import (
    PARTS,
    Answering,
    ExampleForm,
    Freeze,
    Lora,
    MethodName,
    Model,
    Quantization,
    Subset,
    Training,
)
from papertune.study.settings.sources import Source
from papertune.study.settings.synthesize import (
    Decoding,
    Generator,
    GeneratorSettings,
    OpenAIGenerator,
    PromptedGenerator,
    RulesGenerator,
    SourceGenerator,
    TransformersGenerator,
)
