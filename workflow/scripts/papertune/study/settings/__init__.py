"""The parts of an experiment file as typed objects; :mod:`papertune.study.experiment` puts them together.

The JSON schemas in ``workflow/schemas/`` describe them to editors; a test keeps both equal.
Fields marked :func:`cosmetic` never enter an identity: changing them reruns nothing. Fields marked
:func:`added` enter one only when they differ from their default, so older results stay valid.
"""

from papertune.study.settings.base import (
    NAME,
    Name,
    Seeds,
    Settings,
    Writers,
    Years,
    added,
    cosmetic,
    writers,
)
from papertune.study.settings.bases import Base, Packaged, PackagePart
from papertune.study.settings.filter import (
    QuestionFilter,
    UnrelatedDataset,
    UnrelatedStudy,
    UnrelatedTable,
)
from papertune.study.settings.generators import (
    Decoding,
    Generator,
    OpenAIGenerator,
    PromptedGenerator,
    Records,
    RulesGenerator,
    SourceGenerator,
    TransformersGenerator,
)
from papertune.study.settings.models import (
    ASKED,
    MODEL_NAME,
    PARTS,
    ExampleForm,
    Freeze,
    HowMany,
    Lora,
    MethodName,
    Model,
    ModelName,
    Quantization,
    Subset,
    Training,
)
from papertune.study.settings.pretraining import Architecture, Corpus, Pretraining, Tokenizer
from papertune.study.settings.probes import Probe
from papertune.study.settings.programs import Programs
from papertune.study.settings.reproduction import Reproduction
from papertune.study.settings.servers import ServerSettings, Words, filled
from papertune.study.settings.splits import Part, Sample, SampleOf, Splits
from papertune.study.settings.stages import (
    COMMANDS,
    PACKAGED_EMBEDDER,
    Answering,
    Comparison,
    Compute,
    Embedder,
    Fetching,
    Published,
    Resolver,
    Source,
)
from papertune.study.settings.test_sets import TestSet, TestSets
