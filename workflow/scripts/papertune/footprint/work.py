"""Estimates of job durations: the work, from settings and existing results, at a measured rate.

The rate is that of one thread and large matrices; the fraction that each kind of work reaches was
observed in whole runs. Durations relative to each other matter here: the finished jobs of a run
correct the scale (:mod:`papertune.cluster.remaining`).
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from papertune.footprint.architecture import Architecture, from_scratch
from papertune.footprint.counts import (
    CHARACTERS,
    TEXT,
    asked_in,
    documents_in,
    lines_of,
    of_split,
    text_tokens,
    trained_on,
    updates_of,
)
from papertune.footprint.study import architecture_for, architecture_to_be
from papertune.study.layout import Layout
from papertune.study.settings import PromptedGenerator, Training

START = 1.5  # seconds of a job with hardly any work
LOADING = 10.0  # seconds of a job that loads torch and a model, or an embedder
RATE = 100e9  # operations per thread and second in products of large float32 matrices
GPU_RATE = 3e12  # the same for a job with a GPU
# factors on the time by that rate: tokens in parallel, one by one, and with bf16 units
READING, WRITING, TRAINING_BF16 = 1.7, 4.0, 1.2
BF16_UNITS = ("amx_tile", "avx512_bf16")  # as Linux calls them
TOGETHER = 0.7  # n threads are n**0.7 times as fast as one
# tokens of an answer; of a question; of a sentence, title and request (the longest of a few)
WRITTEN, QUESTION, SENTENCE = 42, 18, 130
STEPS = 16  # rows continue to the next multiple of so many tokens, half of it on average
ADAPTED = 1.2  # factor on the time for computing adapters as well
PADDED = 1.3  # factor on tokens for padding rows of a batch to the longest
ATTEMPTS = 1.1  # requests per document, if a writer may be asked twice
BATCH = 32  # rows at once, if the machine decides
CORPUS = 4000  # texts of a corpus of unknown size
STEP = 0.03  # minimum of seconds per update
PARAMETERS = 135_000_000  # of a base that is not here yet
CONVERTING = 0.2e-6  # seconds per parameter
EMBEDDING = 0.07  # seconds per text

_MEASURE = """
import time, numpy
one = numpy.ones((512, 512), numpy.float32)
one @ one
begin, products = time.process_time(), 0
while (spent := time.process_time() - begin) < 0.2:
    one @ one
    products += 1
print(products * 2 * 512**3 / spent)
"""


def measured_rate() -> float:
    """Measure operations per thread and second of processor time; takes 0.3 s."""
    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        told = subprocess.run(
            [sys.executable, "-c", _MEASURE],
            env=os.environ | alone, capture_output=True, check=True, text=True, timeout=60,
        )  # fmt: skip
        return float(told.stdout)
    return RATE


def seconds_of(
    layout: Layout, rule: str, wildcards: Mapping[str, str], rate: float = RATE
) -> tuple[float, float]:
    """Seconds that a job takes to start, and to do its work, on the threads that it requests.

    ``rate`` is that of :func:`measured_rate`.
    """
    rule = rule.removesuffix("_here")
    study = layout.experiment
    compute = study.compute
    threads = compute.threads_to_write if rule in ("answer", "synthesize") else compute.threads
    speed = GPU_RATE if compute.gpu else rate * threads**TOGETHER
    if rule == "fetch_documents" and study.source.kind not in ("files", "demo"):
        count = documents_in(layout, [wildcards["year"]], ("fetched",))
        return START, count * (study.fetching.delay + 0.3)
    if rule in ("train", "pretrain_base"):
        steps, operations = (_training if rule == "train" else _pretraining)(layout, wildcards)
        return LOADING, steps * STEP + operations / speed
    if rule == "answer":
        return LOADING, _answering(layout, wildcards) / speed
    if rule == "synthesize" and (operations := _writing(layout, wildcards)):
        return LOADING, operations / speed
    if rule == "convert_base":
        return START, _converted(layout, wildcards) * CONVERTING * RATE / rate
    if rule in ("score", "find_suspects"):
        return LOADING, _embedded(layout, wildcards) * EMBEDDING * RATE / rate
    return START, 0.0


def _converted(layout: Layout, wildcards: Mapping[str, str]) -> float:
    """Parameters of the base to convert; 0 if another experiment has it."""
    end = "/{source}/{key}".format_map(wildcards)
    named = map(layout.base_named, layout.experiment.bases)
    folder = next((folder for folder in named if folder.endswith(end)), None)
    arch = architecture_to_be(layout, folder) if folder else None
    return arch.parameters if arch else PARAMETERS * (folder is not None)


def _embedded(layout: Layout, wildcards: Mapping[str, str]) -> float:
    """Texts that embedders read: documents, else answers and references, which are short."""
    if "test_set" not in wildcards:
        return of_split(layout, "train") + of_split(layout, "test")
    texts = 2 * asked_in(layout, wildcards["test_set"])
    return texts * WRITTEN * CHARACTERS / TEXT * len(layout.experiment.scoring_embedders)


def _writing(layout: Layout, wildcards: Mapping[str, str]) -> float:
    study, name, split = layout.experiment, wildcards["generator"], wildcards["split"]
    generator = study.generators[name]
    if not isinstance(generator, PromptedGenerator) or not (folder := layout.generator_model(name)):
        return 0.0
    arch = architecture_to_be(layout, folder)
    asked = of_split(layout, split) * (ATTEMPTS if generator.attempts > 1 else 1)
    template = study.generator_template(name)
    # shared prefixes of a batch are read once
    batch = getattr(generator, "batch_size", "auto")
    frame = len(template) / CHARACTERS / (batch if isinstance(batch, int) else BATCH)
    own = text_tokens(layout, split) if "$text" in template else SENTENCE
    whole = QUESTION + (WRITTEN if "$text" in template else 0)  # else the sentence is the answer
    new = min(generator.decoding.max_new_tokens, whole * generator.pairs)
    return asked * generator.candidates * (_reading(arch, frame + own) + _new(arch, new))


def _training(layout: Layout, wildcards: Mapping[str, str]) -> tuple[float, float]:
    """Updates and operations of a training."""
    study, model = layout.experiment, wildcards["model"]
    recipe, arch = study.recipe_of(model), architecture_for(layout, model)
    training = recipe.training
    train, validation = trained_on(layout, model)
    length = min(training.max_length, text_tokens(layout, "train") + 2 * WRITTEN)
    steps = updates_of(training, train)
    seen = steps * training.batch_size * training.accumulation
    # the backward pass takes twice as long as the forward pass, or as long without weight gradients
    passes = 2 * ADAPTED if recipe.with_adapters else 3
    read = passes * seen + (training.evaluations + 1) * validation
    # the head computes logits of generated tokens only
    each = length * _body(arch) + WRITTEN * _head(arch)
    return steps, read * 2 * each * _trains_at(training)


def _trains_at(training: Training) -> float:
    half = training.precision == "bf16" or (training.precision == "auto" and _bf16_units())
    return TRAINING_BF16 if half else READING


@lru_cache(maxsize=1)
def _bf16_units() -> bool:
    """Whether this processor has units for which training chooses bf16 by itself."""
    with suppress(OSError):
        told = Path("/proc/cpuinfo").read_text("utf-8").split()
        return any(unit in told for unit in BF16_UNITS)
    return False


def _pretraining(layout: Layout, wildcards: Mapping[str, str]) -> tuple[float, float]:
    pretrain = layout.experiment.bases[wildcards["base"]].pretrain
    assert pretrain is not None
    files = [Path(file) for file in layout.corpora_of(wildcards["base"])]
    texts = sum((lines_of(file) for file in files if file.exists()), 0.0)
    # a corpus of other experiments is counted once it exists
    own = layout.name in pretrain.corpus.experiments and not Path(layout.corpus).exists()
    texts += of_split(layout, "train") if own or pretrain.corpus.documents != "none" else 0
    training, arch = pretrain.training, from_scratch(pretrain.architecture, pretrain.tokenizer)
    steps = updates_of(training, texts or CORPUS)
    tokens = steps * training.batch_size * training.accumulation * training.max_length / 2
    return steps, 3 * tokens * 2 * (_body(arch) + _head(arch)) * _trains_at(training)


def _answering(layout: Layout, wildcards: Mapping[str, str]) -> float:
    study, arch = layout.experiment, architecture_for(layout, wildcards["model"])
    asked, text = asked_in(layout, wildcards["test_set"]), 0.0
    if of := study.sets.get(wildcards["test_set"]):  # a probe's text is short or missing
        pairs = study.generators[of.generator].pairs
        text = (
            text_tokens(layout, of.documents)
            * (1 / pairs if pairs > 1 else 2)
            * (of.book == "open")
        )
    new = min(study.answering.max_new_tokens, WRITTEN)
    adapted = ADAPTED if study.recipe_of(wildcards["model"]).with_adapters else 1
    reading = _reading(arch, PADDED * (text + 3 * WRITTEN))
    return adapted * asked * (reading + _new(arch, new))


def _reading(arch: Architecture | None, tokens: float) -> float:
    return tokens * 2 * _body(arch) * READING


def _new(arch: Architecture | None, tokens: float) -> float:
    return (tokens + STEPS / 2) * 2 * (_body(arch) + _head(arch)) * WRITING


def _body(arch: Architecture | None) -> float:
    return arch.layers * arch.layer if arch else 0.8 * PARAMETERS


def _head(arch: Architecture | None) -> float:
    return arch.embedding if arch else 0.2 * PARAMETERS
