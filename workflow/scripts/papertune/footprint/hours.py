"""Estimate a range of hours of an experiment on one GPU, before anything has run.

The GPU is an A100 with 80 GB. Per weight and token, training needs 2 operations in the forward
pass, 2 for the gradients of activations, and 2 for the gradient of each trained weight (Kaplan et
al. 2020, section 2.1); recomputation to save memory needs 2 more. Runs reach a fraction of the
GPU's peak, and small models wait for the processor: both ends of the range come from published
figures (tests/unit/footprint/test_hours.py). Generation makes one token at a time for a batch of
rows; each step passes through all layers and reads all weights from memory.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from papertune.footprint.architecture import Architecture, from_scratch
from papertune.footprint.counts import (
    CHARACTERS,
    asked_in,
    lines_of,
    of_split,
    text_tokens,
    trained_on,
    updates_of,
)
from papertune.footprint.study import architecture_for, architecture_to_be
from papertune.footprint.work import QUESTION, WRITTEN
from papertune.study.layout import Layout
from papertune.study.passing import answering_of
from papertune.study.recipe import Recipe
from papertune.study.settings import OpenAIGenerator, PromptedGenerator

GPU = "an A100 with 80 GB"
PEAK = 312e12  # dense bf16 operations a second, and bytes of memory, from NVIDIA's data sheet
MEMORY = 2.0e12
UNPACKED = 1.3  # factor for 4-bit weights, which are dequantized in each pass
BATCH = 32  # rows generated at once, if memory decides


class Pace(NamedTuple):
    """One end of the observed range of speed of a GPU or a processor."""

    share: float  # fraction of the peak in large matrix products
    step: float  # minimum of seconds per training step
    layer: float  # seconds per layer and generated token
    start: float  # seconds until a job begins its work
    whole: bool  # whether answers reach their token limit
    peak: float = PEAK
    memory: float = MEMORY


FAST = Pace(share=0.55, step=0.05, layer=0.0006, start=15, whole=False)
SLOW = Pace(share=0.15, step=0.4, layer=0.002, start=90, whole=True)


def processor(cores: int) -> tuple[Pace, Pace]:
    """Both ends for so many cores, computing in fp32, whose weights are twice as large."""
    quick = Pace(1, step=0.01, layer=1e-4, start=3, whole=False, peak=cores * 6e10, memory=1.5e10)
    slow = Pace(1, step=0.1, layer=1e-3, start=15, whole=True, peak=cores * 1.5e10, memory=4e9)
    return quick, slow


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of an experiment, each as (from, to)."""

    training: tuple[float, float]
    answering: tuple[float, float]
    writing: tuple[float, float]
    unknown: tuple[str, ...] = ()  # models and generators of unknown size, not counted

    @property
    def total(self) -> tuple[float, float]:
        """The total, with one job after the other."""
        every = (self.training, self.answering, self.writing)
        return sum(least for least, _ in every), sum(most for _, most in every)


def hours_of(layout: Layout, paces: tuple[Pace, Pace] = (FAST, SLOW)) -> Hours:
    """Estimate a whole experiment, whether or not parts of it are finished.

    Generators behind a server are not counted.
    """
    ends: list[tuple[float, float]] = []
    unknown: dict[str, None] = {}
    for work in (_trainings, _answers, _writings):
        hours = []
        for pace in paces:
            jobs = list(work(layout, pace))
            unknown |= dict.fromkeys(name for name, arch, _ in jobs if arch is None)
            hours.append(sum(pace.start + seconds for _, arch, seconds in jobs if arch) / 3600)
        ends.append((hours[0], hours[1]))
    training, answering, writing = ends
    return Hours(training, answering, writing, tuple(unknown))


def training_seconds(
    arch: Architecture, recipe: Recipe, tokens: float, steps: float, pace: Pace
) -> float:
    """Seconds of a training that reads so many tokens in so many steps."""
    passes = 2 if recipe.with_adapters else 3
    passes += recipe.training.gradient_checkpointing
    operations = 2 * _weights(arch) * tokens * passes * (UNPACKED if recipe.in_4_bit else 1)
    return steps * pace.step + operations / (pace.peak * pace.share)


def writing_seconds(
    arch: Architecture, rows: float, read: float, new: float, pace: Pace, *,
    batch: int = BATCH, in_4_bit: bool = False,
) -> float:  # fmt: skip
    """Seconds for rows of ``read`` prompt tokens each and ``new`` generated tokens."""
    slower = 2 if in_4_bit else 1
    weights = _weights(arch) * (0.5 if in_4_bit else 2)
    operations = 2 * _weights(arch) * min(rows, batch) / (pace.peak * pace.share)
    token = max(arch.layers * pace.layer, weights / pace.memory, operations) * slower
    reading = 2 * _weights(arch) * read * slower / (pace.peak * pace.share)
    return rows * reading + math.ceil(rows / batch) * new * token


def _weights(arch: Architecture) -> int:
    """The weights that each token is multiplied with."""
    return arch.layers * arch.layer + arch.embedding


# ---- the jobs of an experiment -------------------------------------------------

# a job's model or generator, its architecture (None if unknown), and its seconds
Job = tuple[str, Architecture | None, float]


def _trainings(layout: Layout, pace: Pace) -> Iterator[Job]:
    study = layout.experiment
    for name, base in study.bases.items():
        if base.pretrain:
            arch = from_scratch(base.pretrain.architecture, base.pretrain.tokenizer)
            recipe = Recipe(method="full", training=base.pretrain.training)
            texts = of_split(layout, "train") if base.pretrain.corpus.documents != "none" else 0
            texts += sum(
                lines_of(path) for path in map(Path, layout.corpora_of(name)) if path.exists()
            )
            yield name, arch, _training(arch, recipe, texts, text_tokens(layout, "train"), 0, pace)
    for model, _ in layout.models():
        recipe, made_of = study.recipe_of(model), architecture_for(layout, model)
        train, validation = trained_on(layout, model)
        length = text_tokens(layout, "train") + QUESTION + WRITTEN
        yield (
            model,
            made_of,
            _training(made_of, recipe, train, length, validation, pace) if made_of else 0.0,
        )


def _training(
    arch: Architecture,
    recipe: Recipe,
    examples: float,
    length: float,
    validation: float,
    pace: Pace,
) -> float:
    training = recipe.training
    updates = updates_of(training, examples)
    seen = updates * training.batch_size * training.accumulation
    length = min(length, training.max_length)
    # parts of a batch are merged if memory holds them
    steps = updates * (training.accumulation if pace.whole else 1)
    looks = (training.evaluations + 1) * validation * length / 3  # forward passes only
    return training_seconds(arch, recipe, seen * length + looks, steps, pace)


def _answers(layout: Layout, pace: Pace) -> Iterator[Job]:
    study = layout.experiment
    for model, _, test_set in layout.by_cell("answers"):
        arch, answering = architecture_for(layout, model), answering_of(study, test_set)
        read = text_tokens(layout, "test") + QUESTION
        # each prompt is read once more for the likelihood of its reference answer
        new = answering.max_new_tokens if pace.whole else min(WRITTEN, answering.max_new_tokens)
        batch = answering.batch_size if isinstance(answering.batch_size, int) else BATCH
        in_4_bit = study.recipe_of(model).in_4_bit
        rows, seconds = asked_in(layout, test_set) * answering.samples, 0.0
        if arch:
            seconds = writing_seconds(
                arch, rows, 2 * read, new, pace, batch=batch, in_4_bit=in_4_bit
            )
        yield model, arch, seconds


def _writings(layout: Layout, pace: Pace) -> Iterator[Job]:
    study = layout.experiment
    for name, split in layout.generated:
        generator, folder = study.generators[name], layout.generator_model(name)
        if not isinstance(generator, PromptedGenerator) or not folder:
            continue
        arch = architecture_to_be(layout, folder)
        rows = of_split(layout, split) * generator.candidates
        rows *= generator.attempts if pace.whole else 1
        read = len(study.generator_template(name)) / CHARACTERS + text_tokens(layout, split)
        most = generator.decoding.max_new_tokens
        new = most if pace.whole else min(most, generator.pairs * (QUESTION + WRITTEN))
        yield name, arch, writing_seconds(arch, rows, read, new, pace) if arch else 0.0


def requests_of(layout: Layout) -> dict[str, float]:
    """Generator → documents to ask its server about, for servers whose model is not here."""
    study = layout.experiment
    found: dict[str, float] = {}
    for name, split in layout.generated:
        if isinstance(study.generators[name], OpenAIGenerator) and not layout.generator_model(name):
            found[name] = found.get(name, 0) + of_split(layout, split)
    return found


def span(least: float, most: float) -> str:
    """Format a range of hours: ``2–9 h``, ``0.5–3 h``, ``under 1 h``."""
    if most < 1:
        return "under 1 h"
    return "–".join(f"{one:.0f}" if one >= 1 else f"{one:.1f}" for one in (least, most)) + " h"
